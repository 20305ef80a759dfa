import Bytes
import Glibc
import Support
import Synchronization
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

                let readiness = Readiness(farm.owner.client)
                try await eventually("readiness is asked for") { readiness.isKnown }
                let term = ContinuousClock.now
                farm.server.signal(SIGTERM)
                let answered = try await poll
                #expect(answered.status == 200 && answered.data["jobs"] == [])
                #expect(ContinuousClock.now - term < .seconds(2))
                let kept = try await upload.finish()
                #expect(kept.hasPrefix("HTTP/1.1 201"), "\(kept)")
                #expect(try await farm.server.ended() == .exited(0))
                measured("SIGTERM under load to the end, \(database)", ContinuousClock.now - term)
                #expect(ContinuousClock.now - term < .seconds(10))

                await readiness.expectNotReady(since: term)
                let tries = await load.stop()
                // Refused connections come only after the notice; what was under way was answered.
                #expect(tries.allSatisfy { $0.status == 201 || $0.status == 503 || $0.start > term })
                #expect(tries.allSatisfy { $0.status == nil || $0.status == 201 || $0.status == 503 })
                try await farm.server.start()
                try await SubmitLoad.expectAllOnce(tries, of: farm.owner)
            }
        }
    }
}

/// What a balancer sees: it asks whether the server is ready, again and again until nobody answers.
private final class Readiness: Sendable {
    private struct Look: Sendable {
        let start: ContinuousClock.Instant
        let reply: FarmReply
    }

    private let looks = Mutex<[Look]>([])
    private let asking = Mutex<Task<Void, Never>?>(nil)

    init(_ client: FarmClient) {
        let task = Task {
            while true {
                let start = ContinuousClock.now
                guard let reply = try? await client.get("/readyz") else { return }
                self.looks.withLock { $0.append(Look(start: start, reply: reply)) }
                try? await World.live.sleep(.milliseconds(5))
            }
        }
        asking.withLock { $0 = task }
    }

    var isKnown: Bool { looks.withLock { !$0.isEmpty } }

    /// It was told no as soon as the signal was there, as long as there was somebody to ask.
    func expectNotReady(since term: ContinuousClock.Instant) async {
        await asking.withLock { $0 }?.value
        let late = looks.withLock { $0.filter { $0.start > term + .milliseconds(100) } }
        #expect(!late.isEmpty && late.allSatisfy { $0.reply.status == 503 && $0.reply["Retry-After"] != nil })
        #expect(late.first?.reply.json["errors"]?.array?.contains("draining") == true)
    }
}
