import Bytes
import Glibc
import Support
import Synchronization
import Testing

extension OneByOne {
    @Suite("A server that is asked to stop")
    struct Drain {
        /// Milliseconds: long enough that also who is held up for a while sees it.
        private static let notice = 2_000

        @Test(
            "says so at once, finishes what is in flight, lets long polls go, and ends well in time",
            arguments: TestDatabase.all)
        func underLoad(on database: TestDatabase) async throws {
            let settings = ["HATCHFARM_DRAIN_NOTICE_MS": "\(Self.notice)"]
            try await Farm.run(on: database, environment: settings) { farm in
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
                #expect(ContinuousClock.now - term < .seconds(5))
                let kept = try await upload.finish()
                #expect(kept.hasPrefix("HTTP/1.1 201"), "\(kept)")
                #expect(try await farm.server.ended() == .exited(0))
                measured("SIGTERM under load to the end, \(database)", ContinuousClock.now - term)
                #expect(ContinuousClock.now - term < .seconds(10))

                await readiness.expectNotReady()
                let tries = await load.stop()
                // Refused connections come only after the notice; what was under way was answered.
                let closed = term + .milliseconds(Self.notice)
                #expect(tries.allSatisfy { $0.status == 201 || $0.status == 503 || $0.end >= closed })
                #expect(tries.allSatisfy { $0.status == nil || $0.status == 201 || $0.status == 503 })
                try await farm.server.start()
                try await SubmitLoad.expectAllOnce(tries, of: farm.owner)
            }
        }
    }
}

/// What a balancer sees: it asks whether the server is ready, again and again until nobody answers.
private final class Readiness: Sendable {
    private let looks = Mutex<[FarmReply]>([])
    private let asking = Mutex<Task<Void, Never>?>(nil)

    init(_ client: FarmClient) {
        let task = Task {
            while true {
                guard let reply = try? await client.get("/readyz") else { return }
                self.looks.withLock { $0.append(reply) }
                try? await World.live.sleep(.milliseconds(5))
            }
        }
        asking.withLock { $0 = task }
    }

    var isKnown: Bool { looks.withLock { !$0.isEmpty } }

    /// It was told no while there still was somebody to ask, and from then on nothing else.
    func expectNotReady() async {
        await asking.withLock { $0 }?.value
        let late = looks.withLock { Array($0.drop { $0.status == 200 }) }
        #expect(late.allSatisfy { $0.status == 503 && $0["Retry-After"] != nil })
        #expect(late.contains { $0.json["errors"]?.array?.contains("draining") == true })
    }
}
