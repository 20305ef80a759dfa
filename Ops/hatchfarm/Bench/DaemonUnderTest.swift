internal import Bytes
internal import Foundation
internal import Synchronization

/// `hatchfarm worker` of this binary, as a child process with its own state folder.
final class DaemonUnderTest: Sendable {
    let folder: String
    private let process: Process

    private init(folder: String, process: Process) {
        self.folder = folder
        self.process = process
    }

    /// Returns once it is enrolled and has tested its sandbox.
    static func start(for owner: Credentials, jobsAtOnce: Int) async throws -> DaemonUnderTest {
        // Accessible for the users of jobs, if run as root.
        let folder = "/tmp/hatchfarm-bench-\(Hex.encode(World.live.random(4)))"
        try Files.makeFolder(folder, mode: 0o711)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try ServerUnderTest.ownPath())
        process.arguments = [
            "worker", "--server", owner.server, "--api-key", owner.key, "--owner", owner.owner ?? "", "--name", "bench",
            "--state", folder, "--jobs", "\(jobsAtOnce)", "--cpu", "4096", "--memory", "4096",
        ]
        let output = "\(folder)/output"
        guard FileManager.default.createFile(atPath: output, contents: nil),
            let file = FileHandle(forWritingAtPath: output)
        else { throw Failure.unexpected("\(output) can't be written") }
        process.standardOutput = file
        process.standardError = file
        process.environment = ProcessInfo.processInfo.environment.merging(["HATCHFARM_LOG": "notice"]) { $1 }
        do {
            try process.run()
        } catch {
            throw Failure.unexpected("cannot start the daemon: \(error)")
        }
        let daemon = DaemonUnderTest(folder: folder, process: process)
        for _ in 0..<600 {
            let log = Files.readIfExists(output).map { String(decoding: $0, as: UTF8.self) } ?? ""
            if log.contains("ready, isolation sandbox") { return daemon }
            guard process.isRunning, !log.contains("ready, isolation") else {
                daemon.stop()
                throw Failure.misconfigured("the daemon can't run jobs here:\n\(log)")
            }
            try await World.live.sleep(.milliseconds(50))
        }
        daemon.stop()
        throw Failure.unexpected("the daemon was not ready within 30 s")
    }

    var isRunning: Bool { process.isRunning }

    /// Drains it, waits for its exit, and removes its folder.
    func stop() {
        process.terminate()
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// CPU time of the daemon itself, without its children.
    func processorSeconds() throws -> Double { try ProcessStatus.processorSeconds(of: process.processIdentifier) }

    /// `VmRSS` is the resident memory, `RssAnon` the private part of it.
    func megabytes(_ field: String) throws -> Double {
        try ProcessStatus.megabytes(field, of: process.processIdentifier)
    }
}

/// The time of the first output.
final class FirstLine: Sendable {
    private let moment = Mutex<UInt64?>(nil)

    var at: UInt64? { moment.withLock { $0 } }

    func note() {
        moment.withLock { $0 = $0 ?? Ticks.now() }
    }
}
