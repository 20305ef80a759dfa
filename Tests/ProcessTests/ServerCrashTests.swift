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

        @Test(
            "and stays away longer than a lease costs nobody the lease",
            arguments: TestDatabase.all, ["extend", "finish"])
        func outage(on database: TestDatabase, then call: String) async throws {
            try await Farm.run(on: database) { farm in
                let machine = try await farm.owner.machine()
                let job = try await farm.owner.submitted("held")
                let grant = try await machine.take(lease: 2_500)
                try await farm.server.kill()
                try await eventually("the lease is over", within: .seconds(10)) {
                    World.live.now() > grant.visibleUntil + 1_500
                }
                try await farm.server.launch()
                var first: FarmReply?
                try await eventually("somebody answers", within: .seconds(60)) {
                    // From the first moment on.
                    first = call == "extend"
                        ? try? await machine.extend(grant, by: 60_000) : try? await machine.finish(grant)
                    return first != nil
                }
                #expect(first?.status == 200, "\(first?.text ?? "")")
                if call == "extend" { _ = try await machine.finish(grant).expecting(200) }
                let ended = try await farm.owner.job(job)
                #expect(ended["status"] == "completed" && ended["losses"] == 0 && ended["attempt"] == 1)
            }
        }
    }
}
