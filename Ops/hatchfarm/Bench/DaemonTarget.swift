internal import Bytes
internal import Foundation
internal import Sandbox

/// A server and a daemon, as separate processes: measures the daemon's throughput, its idle cost, and the start latency
/// of sandboxed commands.
struct DaemonTarget: Sendable {
    private static let idleSeconds = 10
    private static let starts = 100
    static let jobsAtOnce = 16

    private let settings: BenchSettings
    private let server: ServerUnderTest
    private let database: TemporaryDatabase
    private let daemon: DaemonUnderTest
    private let client: Client

    static func open(_ database: TemporaryDatabase, _ settings: BenchSettings) async throws -> DaemonTarget {
        let server = try await ServerUnderTest.start(database: database.url)
        do {
            let credentials = Credentials(
                server: "http://\(ServerUnderTest.host):\(server.port)", key: server.token,
                owner: ServerUnderTest.owner)
            let daemon = try await DaemonUnderTest.start(for: credentials, jobsAtOnce: jobsAtOnce)
            return DaemonTarget(
                settings: settings, server: server, database: database, daemon: daemon, client: Client(credentials))
        } catch {
            server.stop()
            await database.remove()
            throw error
        }
    }

    func round() async throws -> [Reading] {
        try await idle() + load() + starts()
    }

    func close() async {
        daemon.stop()
        server.stop()
        await database.remove()
    }

    func abort() {
        daemon.stop()
        server.stop()
        if let folder = database.folder { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// The cost of an idle daemon.
    private func idle() async throws -> [Reading] {
        let before = try daemon.processorSeconds()
        let start = Ticks.now()
        try await World.live.sleep(.seconds(Self.idleSeconds))
        let share = (try daemon.processorSeconds() - before) / Ticks.seconds(Ticks.now() - start)
        return [
            Reading(name: "daemon idle, processor", unit: .percent, value: share * 100),
            Reading(name: "daemon idle, resident", unit: .megabytes, value: try daemon.megabytes("VmRSS")),
            Reading(name: "daemon idle, its own memory", unit: .megabytes, value: try daemon.megabytes("RssAnon")),
        ]
    }

    /// From the first submit until all jobs have ended, and their logs and results have been reported.
    private func load() async throws -> [Reading] {
        let count = settings.backlog(.daemon)
        let before = try daemon.processorSeconds()
        let start = Ticks.now()
        for first in stride(from: 0, to: count, by: 1_000) {
            let jobs = (first..<min(first + 1_000, count)).map { number -> JSON in
                ["title": .string("bench \(number)"), "command": ["echo", "done"]]
            }
            _ = try await client.post("/api/v1/jobs/batch", ["jobs": .array(jobs)])
        }
        let deadline = start + 600_000_000_000
        while try await isBusy() {
            guard daemon.isRunning else { throw Failure.unexpected("the daemon exited under load") }
            guard Ticks.now() < deadline else {
                throw Failure.unexpected("\(count) jobs did not finish within ten minutes")
            }
            try await World.live.sleep(.milliseconds(50))
        }
        let took = Ticks.now() - start
        // Only the daemon's own time, without jobs and sandboxes.
        let cost = (try daemon.processorSeconds() - before) * 1_000 / Double(max(1, count))
        return [
            .rate("daemon, one-line jobs", count, took),
            Reading(name: "daemon, own processor time a job", unit: .milliseconds, value: cost),
        ]
    }

    /// A job may change from pending to running between the two requests: in this order none is missed.
    private func isBusy() async throws -> Bool {
        for status in ["pending", "running"] {
            let page = try await client.get("/api/v1/jobs", [("limit", "1"), ("status", status)])
            if page["jobs"]?.array?.isEmpty == false { return true }
        }
        return false
    }

    /// The time from the call to the command's first line of output, and to its cleanup; one at a time.
    private func starts() async throws -> [Reading] {
        let folder = "\(daemon.folder)-starts"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let state: StateFolder
        do { state = try StateFolder(at: folder) } catch { throw Failure.misconfigured(error.message) }
        let probe = await Sandbox.probe(in: state)
        guard let sandbox = probe.sandbox else { throw Failure.misconfigured(probe.missing.joined(separator: "\n")) }
        var started: [UInt64] = []
        var ended: [UInt64] = []
        for _ in 0..<Self.starts {
            let first = FirstLine()
            let start = Ticks.now()
            do {
                let job = try state.makeJobFolder(for: HostUser(slot: 0))
                let end = try await sandbox.run(Program(["echo", "started"]), in: job, limits: SandboxLimits()) { _ in
                    first.note()
                }
                try job.remove()
                guard end.cause == .exited(0), let at = first.at else {
                    throw Failure.unexpected("a sandboxed echo ended with \(end.cause)")
                }
                started.append(at - start)
                ended.append(Ticks.now() - start)
            } catch let error as FileProblem {
                throw Failure.misconfigured(error.message)
            } catch let error as Sandbox.Failure {
                throw Failure.misconfigured(error.message)
            }
        }
        return Reading.latencies("sandbox start", started) + Reading.latencies("sandbox start to end", ended)
    }
}
