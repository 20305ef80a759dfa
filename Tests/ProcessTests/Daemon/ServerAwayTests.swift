import Bytes
import Foundation
import Support
import Synchronization
import Testing

@Suite("A server that is away", .serialized, .timeLimit(.minutes(10)), .tags(.timed))
struct ServerAwayTests {
    @Test("ten running jobs outlast it: none is lost, none run twice, all are reported, and nobody storms it")
    func away() async throws {
        let size = ChaosSize.chosen
        try await Farm.run(on: .sqlite) { farm in
            let door = try WatchedDoor(to: farm.server.port)
            defer { door.close() }
            var owner = farm.owner
            owner.client.url = "http://127.0.0.1:\(door.port)"
            var daemons: [FarmDaemon] = []
            for number in 1...3 {
                daemons.append(
                    try await FarmDaemon(
                        "\(number) of 3", for: owner,
                        ["--jobs", "4", "--cpu", "16", "--memory", "16", "--lease-seconds", "\(size.lease)"]))
            }
            let jobs = try await submit(farm, size)
            try await eventually("all jobs have begun", within: .seconds(60)) {
                for job in jobs where try await !begun(job, farm) { return false }
                return true
            }

            try await farm.server.kill()
            try await World.live.sleep(.seconds(size.away))
            try await farm.server.start()
            let back = ContinuousClock.now
            try await eventually("all jobs have ended", within: .seconds(90)) {
                for job in jobs where try await farm.owner.status(of: job) != "completed" { return false }
                return true
            }
            measured("all reported after the server's return", ContinuousClock.now - back)
            for job in jobs { try await expectOnce(job, farm) }
            for daemon in daemons { #expect(!daemon.said.contains(" lost: "), "\(daemon.said)") }
            try await World.live.sleep(.seconds(2))
            expectNoStorm(door.calls(since: back), daemons)
            for daemon in daemons { daemon.signal(SIGTERM) }
            for daemon in daemons { #expect(try await daemon.end() == .exited(0)) }
        }
    }

    /// Some end while the server is away, some after its return.
    private func submit(_ farm: Farm, _ size: ChaosSize) async throws -> [String] {
        var jobs: [String] = []
        for number in 0..<10 {
            let seconds = Double(size.away) * (0.3 + 0.1 * Double(number))
            let command = "echo begun; sleep \(String(format: "%.1f", seconds)); echo done"
            let words: JSON = ["sh", "-c", .string(command)]
            jobs.append(try await farm.owner.submitted("outlasts \(number)", [.init("command", words)]))
        }
        return jobs
    }

    private func begun(_ job: String, _ farm: Farm) async throws -> Bool {
        let logs = try await farm.owner.client.get("/api/v1/jobs/\(job)/logs").expecting(200).json["logs"]
        return logs?.array?.isEmpty == false
    }

    private func expectOnce(_ id: String, _ farm: Farm) async throws {
        let job = try await farm.owner.job(id)
        #expect(job["attempt"] == 1 && job["losses"] == 0)
        #expect((job["attempts"]?.array ?? []).map { $0["outcome"] } == ["success"])
        #expect(job["result"]?["output"] == "begun\ndone\n")
        #expect(try await farm.owner.endEvents()[id] == 1)
    }

    /// Twelve in any second are each job's log, and one call of every other kind.
    private func expectNoStorm(_ calls: [WatchedDoor.Call], _ daemons: [FarmDaemon]) {
        for daemon in daemons {
            let times = calls.filter { $0.path.contains(daemon.id) }.map(\.at)
            let most = times.map { time in times.count { $0 >= time && $0 < time + .seconds(1) } }.max() ?? 0
            let first = times.first.map { "\($0)" } ?? "never"
            print("measured: \(daemon.name) calls first after \(first), at most \(most) times in a second")
            #expect(!times.isEmpty && most <= 12, "\(calls)")
        }
    }
}

/// A way to the server that counts who goes through.
private final class WatchedDoor: Sendable {
    struct Call: Sendable {
        let at: Duration
        let path: String
    }

    private let proxy: FaultProxy
    private let seen = Mutex<[(at: ContinuousClock.Instant, path: String)]>([])

    init(to target: Int) throws {
        proxy = try FaultProxy(to: target)
        proxy.apply { [weak self] fromClient, bytes in
            if fromClient { self?.note(bytes) }
            return .pass
        }
    }

    var port: Int { proxy.port }
    func close() { proxy.close() }

    private func note(_ bytes: [UInt8]) {
        let now = ContinuousClock.now
        let paths = String(decoding: bytes, as: UTF8.self)
            .matches(of: #/(?:POST|PUT|GET) (\S+) HTTP/1\.1\r\n/#).map { String($0.output.1) }
        seen.withLock { seen in for path in paths { seen.append((now, path)) } }
    }

    func calls(since start: ContinuousClock.Instant) -> [Call] {
        seen.withLock { $0 }.filter { $0.at >= start }.map { Call(at: $0.at - start, path: $0.path) }
    }
}
