internal import Bytes
internal import Glibc
internal import Sandbox
internal import Synchronization

/// The command `run_script` {name, args?, timeoutMs?}: runs a script that the device's owner allows, in the sandbox,
/// without network and without a shell of ours.
final class ScriptRunner: Sendable {
    static let timeouts: ClosedRange<Int64> = 1_000...600_000
    private static let standardTimeout: Int64 = 60_000
    private static let scriptBytes = 1 << 20
    private static let argumentCount = 64
    private static let argumentBytes = 4_096

    private let paths: [String: String]
    private let sandbox: Sandbox
    private let state: StateFolder
    /// Of the runs at the moment: no two share a user.
    private let slots = Mutex(Set<Int>())

    /// Tests the sandbox.
    /// - Parameter paths: of the scripts, by name.
    /// - Throws: `.misconfigured` when a script can't be read, or this machine has no sandbox.
    init(_ paths: [String: String], stateFolder: String) async throws(Failure) {
        for path in paths.values {
            do {
                _ = try Files.read(path, limit: Self.scriptBytes)
            } catch {
                throw .misconfigured("--allow-script: \(error.message)")
            }
        }
        self.paths = paths
        do {
            state = try StateFolder(at: stateFolder)
        } catch {
            throw .misconfigured("\(stateFolder): \(error.message)")
        }
        let probe = await Sandbox.probe(in: state)
        guard let found = probe.sandbox else {
            throw .misconfigured("scripts can't be sandboxed here:\n\(probe.missing.joined(separator: "\n"))")
        }
        sandbox = found
    }

    /// Removes what the runs left. Must be the last call.
    func close() { state.remove() }

    func run(_ parameters: JSON) async -> CommandOutcome {
        guard let name = parameters["name"]?.string else { return .failure("the parameter name is missing") }
        guard let path = paths[name] else {
            let names = paths.keys.sorted().joined(separator: ", ")
            return .failure("this device runs no script of that name; it runs \(names)")
        }
        let timeout = parameters["timeoutMs"].map { $0.int ?? -1 } ?? Self.standardTimeout
        guard Self.timeouts.contains(timeout) else { return .failure("timeoutMs must be from 1000 to 600000") }
        guard let arguments = Self.arguments(parameters["args"] ?? []) else {
            return .failure("args must be an array of at most 64 strings of at most 4096 bytes")
        }
        let slot = slots.withLock { slots in
            let used = slots
            let free = (0..<HeldCommands.limit).first { !used.contains($0) } ?? 0
            slots.insert(free)
            return free
        }
        defer { slots.withLock { _ = $0.remove(slot) } }
        do {
            return try await run(path, arguments, timeout: timeout, slot: slot)
        } catch let problem as FileProblem {
            return .failure("the device can't run it: \(problem.message)")
        } catch let failure as Sandbox.Failure {
            return .failure("the device can't run it: \(failure.message)")
        } catch let failure as Failure {
            return .failure("the device can't run it: \(failure.message)")
        } catch {
            return .failure("the device can't run it")
        }
    }

    private func run(
        _ path: String, _ arguments: [String], timeout: Int64, slot: Int
    ) async throws -> CommandOutcome {
        let script = try Files.read(path, limit: Self.scriptBytes)
        let folder = try state.makeJobFolder(for: HostUser(slot: slot))
        defer { try? folder.remove() }
        try folder.work.place(script, at: RelativePath("script"))
        chmod("\(folder.work.path)/script", 0o700)
        let limits = SandboxLimits(
            wallMilliseconds: timeout, memoryBytes: 512 << 20, cpuSeconds: timeout / 1_000 + 1, processes: 64,
            fileBytes: 64 << 20, workBytes: 64 << 20, workFiles: 1_000, temporaryBytes: 16 << 20, logBytes: 0,
            outputBytes: CommandOutcome.outputLength)
        let end = try await sandbox.run(Program(["./script"] + arguments), in: folder, limits: limits) { _ in }
        return Self.outcome(end, timeout: timeout)
    }

    private static func outcome(_ end: Sandbox.End, timeout: Int64) -> CommandOutcome {
        switch end.cause {
        case .exited(0): CommandOutcome(.success, output: end.output)
        case .exited(let code):
            CommandOutcome(
                .failure, output: end.output,
                error: code > 128 ? "killed by signal \(code - 128)" : "exited with code \(code)")
        case .timedOut: CommandOutcome(.timeout, output: end.output, error: "took longer than \(timeout) ms")
        case .overLimit(let excess): CommandOutcome(.failure, output: end.output, error: excess)
        case .stopped: .stopped
        }
    }

    /// nil unless it is an array of texts that may be arguments.
    private static func arguments(_ json: JSON) -> [String]? {
        guard let values = json.array, values.count <= argumentCount else { return nil }
        let texts = values.compactMap(\.string)
        let isValid = texts.allSatisfy { $0.utf8.count <= argumentBytes && !$0.utf8.contains(0) }
        return isValid && texts.count == values.count ? texts : nil
    }
}
