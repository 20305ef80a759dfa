import Bytes
import Support
import Testing

extension OneByOne {
    @Suite("A server that is killed")
    struct ServerCrash {
        @Test(
            "while 1,000 submits are in flight it loses none that it acknowledged, and takes none twice",
            arguments: TestDatabase.all)
        func submits(on database: TestDatabase) async throws {
            try await Farm.run(on: database) { farm in
                let load = SubmitLoad(farm.owner, connections: 32, limit: 1_000)
                try await eventually("a third is through", within: .seconds(60)) { load.acknowledged >= 330 }
                try await farm.server.kill()
                let tries = await load.end()
                #expect(tries.count == 1_000)
                #expect(tries.count { $0.status == nil } > 32, "the kill came too late")
                #expect(tries.allSatisfy { $0.status == 201 || $0.status == nil })
                try await farm.server.start()
                try await SubmitLoad.expectAllOnce(tries, of: farm.owner)
            }
        }

        @Test("and stays away longer than a lease costs nobody the lease", arguments: TestDatabase.all)
        func outage(on database: TestDatabase) async throws {
            try await Farm.run(on: database) { farm in
                try await HoldersCall.expectGranted(farm) {
                    try await farm.server.kill()
                } _: {
                    try await farm.server.launch()
                }
            }
        }
    }
}
