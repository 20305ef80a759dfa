import Bytes
import Glibc
import Support
import Testing

extension OneByOne {
    @Suite("A server that is asked to stop")
    struct Drain {
        @Test(
            "says so at once, finishes what is in flight, lets long polls go, and ends well in time",
            arguments: TestDatabase.all)
        func underLoad(on database: TestDatabase) async throws {
            try await Farm.run(on: database) { farm in
                let machine = try await farm.owner.machine()
                _ = try await machine.claimed(100)
                // Only for jobs that nobody submits.
                async let poll = machine.client.post(
                    "/api/v1/workers/\(machine.id)/jobs/claim",
                    ["limit": 1, "wait_ms": 20_000, "queues": ["nobody's"]])
                let upload = try await FarmSlowRequest(
                    "POST", "/api/v1/artifacts", of: farm.owner.client, port: farm.server.port,
                    body: World.live.random(200_000))
                let load = SubmitLoad(farm.owner, connections: 8)
                try await eventually("the load is on", within: .seconds(30)) { load.acknowledged >= 100 }

                let term = ContinuousClock.now
                farm.server.signal(SIGTERM)
                try await expectNotReady(farm)
                let answered = try await poll
                #expect(answered.status == 200 && answered.data["jobs"] == [])
                #expect(ContinuousClock.now - term < .seconds(2))
                let kept = try await upload.finish()
                #expect(kept.hasPrefix("HTTP/1.1 201"), "\(kept)")
                #expect(try await farm.server.ended() == .exited(0))
                measured("SIGTERM under load to the end, \(database)", ContinuousClock.now - term)
                #expect(ContinuousClock.now - term < .seconds(10))

                let tries = await load.stop()
                // Refused connections come only after the notice; what was under way was answered.
                #expect(tries.allSatisfy { $0.status == 201 || $0.status == 503 || $0.start > term })
                #expect(tries.allSatisfy { $0.status == nil || $0.status == 201 || $0.status == 503 })
                try await farm.server.start()
                try await SubmitLoad.expectAllOnce(tries, of: farm.owner)
            }
        }

        private func expectNotReady(_ farm: Farm) async throws {
            let start = ContinuousClock.now
            var last: FarmReply?
            while last?.status != 503, ContinuousClock.now - start < .seconds(1) {
                last = try await farm.owner.client.get("/readyz")
            }
            #expect(last?.status == 503)
            #expect(last?.json["errors"]?.array?.contains("draining") == true)
            #expect(ContinuousClock.now - start < .milliseconds(200))
        }
    }
}
