package import Bytes
internal import Glibc
internal import Subprocess
internal import Synchronization

/// Runs strangers' programs, one call a job, and lets nothing of them outlive the call.
package struct Sandbox: Sendable {
    enum Kind: Sendable {
        case bubblewrap(Bubblewrap)
        /// No walls: a user, limits and a session of its own. Only for jobs that ask for no isolation, on machines
        /// whose provider has said so.
        case none
    }

    let kind: Kind
    let world: World

    /// No walls at all.
    package static func unprotected(world: World = .live) -> Sandbox {
        Sandbox(kind: .none, world: world)
    }

    /// How a run ended.
    package struct End: Sendable, Equatable {
        package enum Cause: Sendable, Equatable {
            /// With the exit code, or 128 + the signal.
            case exited(Int)
            case timedOut
            /// Its task was cancelled.
            case stopped
        }

        package let cause: Cause
        /// The end of what it printed.
        package let output: String
        package let isOutputTruncated: Bool
        package let durationMilliseconds: Int64
    }

    /// The machine's fault, not the job's.
    package enum Failure: Error, Sendable {
        /// What the machine said about it.
        case notStarted(String)
        case files(FileProblem)

        package var message: String {
            switch self {
            case .notStarted(let complaint): complaint
            case .files(let problem): problem.message
            }
        }
    }

    /// Runs `program` to its end. Cancelling the task kills it with all its children; they are gone when this returns.
    /// - Parameter emit: gets the output as it comes, in order.
    package func run(
        _ program: Program, in folder: JobFolder, limits: SandboxLimits,
        emit: @escaping @Sendable (OutputEvent) -> Void
    ) async throws(Failure) -> End {
        if let problem = program.problem {
            return End(cause: .exited(127), output: problem, isOutputTruncated: false, durationMilliseconds: 0)
        }
        let marker = Hex.encode(world.random(16))
        try prepare(program, marker: marker, in: folder, limits: limits)
        let tree = ProcessTree(isSandboxed: isSandboxed, world: world)
        let world = world
        let started = world.monotonic()
        // Not a child of this task: a cancelled one would kill `bwrap` alone, and its end would say nothing.
        let running = Task { try await spawn(in: folder, limits: limits, marker: marker, tree: tree, emit: emit) }
        let clock = Task {
            try await world.sleep(.milliseconds(limits.wallMilliseconds))
            await tree.kill(.timeLimit)
        }
        let result = await withTaskCancellationHandler {
            await running.result
        } onCancel: {
            Task { await tree.kill(.stopped) }
        }
        tree.end()
        clock.cancel()
        switch result {
        case .failure(let error): throw .notStarted("\(error)")
        case .success(let (status, capture)):
            return try end(status, capture, tree.reason, durationMilliseconds: world.monotonic() - started)
        }
    }

    private var isSandboxed: Bool {
        if case .bubblewrap = kind { true } else { false }
    }

    private func end(
        _ status: TerminationStatus, _ capture: OutputCapture, _ reason: ProcessTree.Reason?,
        durationMilliseconds: Int64
    ) throws(Failure) -> End {
        let cause: End.Cause
        switch (reason, status) {
        case (.timeLimit, _): cause = .timedOut
        case (.stopped, _): cause = .stopped
        case (nil, _) where !capture.hasStarted:
            throw .notStarted(capture.complaint.isEmpty ? "the sandbox ended with \(status)" : capture.complaint)
        case (nil, .exited(let code)): cause = .exited(Int(code))
        case (nil, .signaled(let signal)): cause = .exited(128 + Int(signal))
        }
        return End(
            cause: cause, output: capture.output, isOutputTruncated: capture.isTruncated,
            durationMilliseconds: durationMilliseconds)
    }

    private func prepare(
        _ program: Program, marker: String, in folder: JobFolder, limits: SandboxLimits
    ) throws(Failure) {
        let home = isSandboxed ? Bubblewrap.work : folder.work.path
        let control = isSandboxed ? Bubblewrap.control : folder.control
        let input = program.stdin == nil ? "/dev/null" : "\(control)/stdin"
        let script = program.startScript(marker: marker, home: home, input: input, limits: limits)
        do {
            try folder.writeControl("start", script)
            if let stdin = program.stdin { try folder.writeControl("stdin", stdin) }
        } catch {
            throw .files(error)
        }
    }

    private func spawn(
        in folder: JobFolder, limits: SandboxLimits, marker: String, tree: ProcessTree,
        emit: @escaping @Sendable (OutputEvent) -> Void
    ) async throws -> (TerminationStatus, OutputCapture) {
        var options = PlatformOptions()
        var words: [String]
        switch kind {
        case .bubblewrap(let bubblewrap):
            options.processGroupID = 0
            words = ["bwrap"] + bubblewrap.arguments(for: folder, limits: limits)
        case .none:
            options.createSession = true
            words = ["nice", "-n", "10", "/bin/sh", "\(folder.control)/start"]
        }
        // By a program and not between fork and exec: there libc takes locks that another thread may have held.
        if let id = folder.work.user.id {
            words = ["setpriv", "--reuid=\(id)", "--regid=\(id)", "--clear-groups"] + words
        }
        let configuration = Configuration(
            executable: .name(words.removeFirst()), arguments: Arguments(words),
            environment: .custom(["PATH": Self.searchPath]), platformOptions: options)
        let world = world
        let result = try await Subprocess.run(
            configuration, input: .none, output: .sequence, error: .combinedWithOutput
        ) { execution in
            await tree.begin(execution.processIdentifier.value)
            var capture = OutputCapture(
                marker: marker, logLimit: limits.logBytes, tailLimit: limits.outputBytes)
            for try await buffer in execution.standardOutput {
                for event in buffer.withUnsafeBytes({ capture.take($0) }) { emit(event) }
                // A flood is read slowly, so that it costs the job and not the machine.
                if capture.total > Self.freeBytes { try? await world.sleep(.milliseconds(2)) }
            }
            for event in capture.finish() { emit(event) }
            return capture
        }
        return (result.terminationStatus, result.closureResult)
    }

    static let searchPath = "/usr/bin:/bin:/usr/local/bin"
    /// Output beyond it is read at some tens of MB a second.
    private static let freeBytes = 16 << 20
}
