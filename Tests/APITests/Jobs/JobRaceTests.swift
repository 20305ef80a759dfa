import API
import Bytes
import Engine
import Support
import Testing

/// The same thing asked many times at once happens once.
@Suite("Calls at the same moment", .timeLimit(.minutes(2)))
struct JobRaceTests {
    @Test("with one request id are one claim", arguments: TestDatabase.all)
    func claims(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            for round in 0..<5 {
                let many: JSON = ["jobs": .array((0..<16).map { _ in ControlPlane.request() })]
                _ = try await plane.post("/jobs/batch", .alice, many)
                let replies = try await atOnce(8) { _ in
                    try await plane.claim(worker, ["limit": 2, "request_id": .string("r-\(round)")])
                }
                #expect(replies.allSatisfy { $0.count == 2 })
                #expect(Set(replies.map { Set($0.map(\.token)) }).count == 1, "round \(round)")
                let running = try await plane.get("/jobs?status=running&limit=100", .alice).ids
                #expect(running.count == 2 * (round + 1), "round \(round)")
            }
        }
    }

    @Test("give each job to one worker", arguments: TestDatabase.all)
    func disjoint(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            var workers: [Worker] = []
            for _ in 0..<4 { workers.append(try await plane.worker()) }
            let many: JSON = ["jobs": .array((0..<100).map { _ in ControlPlane.request() })]
            let ids = try await plane.post("/jobs/batch", .alice, many).ids
            let all = workers
            let held = try await atOnce(16) { try await plane.claim(all[$0 % 4], ["limit": 7]) }.flatMap { $0 }
            #expect(held.count == 100)
            #expect(Set(held.map(\.job)) == Set(ids))
            #expect(Set(held.map(\.token)).count == 100)
        }
    }

    @Test("cancel, retry and end a job once", arguments: TestDatabase.all)
    func endings(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            for _ in 0..<5 {
                let id = try await plane.failed(by: worker)
                let retried = try await atOnce(8) { _ in try await plane.post("/jobs/\(id)/retry", .alice).status }
                #expect(retried.sorted() == [200] + Array(repeating: 409, count: 7))
                let cancelled = try await atOnce(8) { _ in
                    try await plane.send("DELETE", "/jobs/\(id)", Caller.alice.headers).status
                }
                #expect(cancelled.sorted() == [200] + Array(repeating: 409, count: 7))
                let held = try await plane.held(by: worker)
                let results = try await atOnce(8) { _ in try await plane.report(held, "result", ControlPlane.success) }
                #expect(Set(results.map(\.text)).count == 1)
                #expect(results.allSatisfy { $0.status == 200 })
            }
        }
    }

    @Test("that end a job in different ways leave it ended in one", arguments: TestDatabase.all)
    func contest(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            for _ in 0..<10 {
                let held = try await plane.held(by: worker, ["max_attempts": 1])
                let replies = try await atOnce(4) { number in
                    switch number {
                    case 0: try await plane.send("DELETE", "/jobs/\(held.job)", Caller.alice.headers)
                    case 1: try await plane.report(held, "result", ControlPlane.success)
                    case 2: try await plane.report(held, "result", ControlPlane.failure)
                    default: try await plane.report(held, "release")
                    }
                }
                try await plane.tick()
                let status = try await plane.status(held.job)
                // The two results carry one token: whichever is second is another outcome.
                let won = replies.map(\.status)
                let oks = status == "cancelled" ? 0 : status == "completed" ? 1 : status == "failed" ? 2 : 3
                #expect(won[oks] == 200, "\(status ?? "none") \(won)")
                // What was given back could still be cancelled.
                let others = (0..<4).filter { $0 != oks && !(oks == 0 && $0 == 3) }
                for number in others { #expect(won[number] >= 403, "\(status ?? "none") \(won)") }
                if status == "pending" { _ = try await plane.send("DELETE", "/jobs/\(held.job)", Caller.alice.headers) }
            }
        }
    }

    @Test("wait no more for a caller who has gone: the next one is served", arguments: TestDatabase.all)
    func abandoned(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (gone, here) = (try await plane.worker(), try await plane.worker())
            let port = plane.port
            let socket = try await offThread {
                let socket = try RawSocket(port: port)
                let body = #"{"limit":1,"wait_ms":20000}"#
                socket.say(
                    "POST /api/v1/workers/\(gone.id)/jobs/claim HTTP/1.1\r\nHost: x\r\n"
                        + "X-Machine-Token: \(gone.token)\r\n"
                        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
                return socket
            }
            try await eventually("one waits") { plane.dependencies.broker.waitingClaims == 1 }
            async let claimed = plane.claim(here, ["limit": 1, "wait_ms": 15_000])
            try await eventually("two wait") { plane.dependencies.broker.waitingClaims == 2 }
            socket.fallSilent()
            socket.reset()
            // The server's connection has to notice, and nothing shows that it has: who is gone is still listed.
            try await World.live.sleep(.seconds(1))
            let start = World.live.monotonic()
            let id = try await plane.job()
            #expect(try await claimed.map(\.job) == [id])
            #expect(World.live.monotonic() - start < 10_000)
        }
    }

    @Test("in a long chain of jobs end it all with its first", arguments: TestDatabase.all)
    func chain(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let first = try await plane.job(["run_at": "9999-01-01T00:00:00Z"])
            var last = first
            for _ in 0..<150 { last = try await plane.job(["depends_on": [.string(last)]]) }
            #expect(try await plane.send("DELETE", "/jobs/\(first)", Caller.alice.headers).status == 200)
            #expect(try await plane.show(last)["reason"] == "dependency")
            #expect(try await plane.get("/jobs?status=blocked", .alice).ids.isEmpty)
        }
    }
}
