internal import Bytes
internal import Foundation
internal import Sandbox

/// One server and one daemon, as processes of their own: what the daemon sustains, what it costs at rest, and how soon
/// a sandboxed command has begun.
struct DaemonSite: Sendable {
    private static let idleSeconds = 10
    private static let starts = 100
    static let jobsAtOnce = 16

    private let settings: BenchSettings
    private let server: ServerUnderTest
    private let database: FreshDatabase
    private let daemon: DaemonUnderTest
    private let client: Client

    static func open(_ database: FreshDatabase, _ settings: BenchSettings) async throws -> DaemonSite {
        let server = try await ServerUnderTest.start(database: database.url)
        do {
            let credentials = Credentials(
                server: "http://\(ServerUnderTest.host):\(server.port)", key: server.token,
                owner: ServerUnderTest.owner)
            let daemon = try await DaemonUnderTest.start(for: credentials, jobsAtOnce: jobsAtOnce)
            return DaemonSite(
                settings: settings, server: server, database: database, daemon: daemon, client: Client(credentials))
        } catch {
            server.stop()
            await database.remove()
            throw error
        }
    }

    func round() async throws -> [Reading] {
        try await rest() + load() + starts()
    }

    func close() async {
        daemon.stop()
        server.stop()
        await database.remove()
    }

    func abandon() {
        daemon.stop()
        server.stop()
        if let folder = database.folder { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// What it costs while there is nothing to do.
    private func rest() async throws -> [Reading] {
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

    /// From the first submit until the last job is done, its log and its result with the server.
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
            guard daemon.isRunning else { throw Failure.unexpected("the daemon ended under load") }
            guard Ticks.now() < deadline else { throw Failure.unexpected("\(count) jobs were not done in ten minutes") }
            try await World.live.sleep(.milliseconds(50))
        }
        let took = Ticks.now() - start
        // Its own, without the jobs' and the sandboxes'.
        let cost = (try daemon.processorSeconds() - before) * 1_000 / Double(max(1, count))
        return [
            .rate("daemon, one-line jobs", count, took),
            Reading(name: "daemon, own processor time a job", unit: .milliseconds, value: cost),
        ]
    }

    /// Between two answers a job may go from pending to running: in this order none is missed.
    private func isBusy() async throws -> Bool {
        for status in ["pending", "running"] {
            let page = try await client.get("/api/v1/jobs", [("limit", "1"), ("status", status)])
            if page["jobs"]?.array?.isEmpty == false { return true }
        }
        return false
    }

    /// From the call until the command's first line is here, and until nothing of it is left; one at a time.
    private func starts() async throws -> [Reading] {
        let folder = "\(daemon.folder)-starts"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let state: StateFolder
        do { state = try StateFolder(at: folder) } catch { throw Failure.misconfigured(error.message) }
        let probe = await Sandbox.probe(in: state)
        guard let sandbox = probe.sandbox else { throw Failure.misconfigured(probe.missing.joined(separator: "\n")) }
        var begun: [UInt64] = []
        var ended: [UInt64] = []
        for _ in 0..<Self.starts {
            let first = FirstLine()
            let start = Ticks.now()
            do {
                let job = try state.makeJobFolder(for: HostUser(slot: 0))
                let end = try await sandbox.run(Program(["echo", "begun"]), in: job, limits: SandboxLimits()) { _ in
                    first.note()
                }
                try job.remove()
                guard end.cause == .exited(0), let at = first.at else {
                    throw Failure.unexpected("a sandboxed echo ended as \(end.cause)")
                }
                begun.append(at - start)
                ended.append(Ticks.now() - start)
            } catch let error as FileProblem {
                throw Failure.misconfigured(error.message)
            } catch let error as Sandbox.Failure {
                throw Failure.misconfigured(error.message)
            }
        }
        return Reading.latencies("sandbox start", begun) + Reading.latencies("sandbox start to end", ended)
    }
}
