package import Bytes
internal import Glibc
internal import Subprocess
internal import Synchronization

/// Runs untrusted programs, one call per job. No process outlives the call.
package struct Sandbox: Sendable {
    enum Kind: Sendable {
        case bubblewrap(Bubblewrap)
        /// No isolation: only a user, limits and a session. For jobs that need no isolation, on machines whose provider
        /// allows that.
        case none
    }

    let kind: Kind
    /// `nil`: limits are per process, and processes are killed by parent.
    let groups: ControlGroups?
    let world: World
    /// Whether runs limit their work folders by a project quota, where there is one.
    var usesQuota = false

    /// Runs programs without isolation.
    package static func unprotected(world: World = .live) -> Sandbox {
        Sandbox(kind: .none, groups: nil, world: world)
    }

    /// How a run ended.
    package struct End: Sendable, Equatable {
        package enum Cause: Sendable, Equatable {
            /// With the exit code, or 128 + the signal.
            case exited(Int)
            case timedOut
            /// Killed for exceeding a limit: "exceeded its memory limit of 64 MiB".
            case overLimit(String)
            /// Its task was cancelled.
            case stopped
        }

        package let cause: Cause
        /// The end of its output.
        package let output: String
        package let isOutputTruncated: Bool
        package let durationMilliseconds: Int64
    }

    /// The machine's fault, not the job's.
    package enum Failure: Error, Sendable {
        /// The error message.
        case notStarted(String)
        case files(FileProblem)

        package var message: String {
            switch self {
            case .notStarted(let message): message
            case .files(let problem): problem.message
            }
        }

        /// As `FileProblem.isShortage`.
        package var isShortage: Bool {
            if case .files(let problem) = self { problem.isShortage } else { false }
        }
    }

    /// Runs `program` to its end. Cancelling the task kills it with all its descendants before this returns.
    /// - Parameters:
    ///   - proxySocket: a Unix socket that the job's user may connect to. The program reaches it as a proxy at
    ///     127.0.0.1:3128, named by the usual variables; it has no other network access.
    ///   - shown: a folder of this machine that the program may read at `Bubblewrap.shown`. Only with a sandbox.
    ///   - devices: device files of this machine that the program may open, at the same paths. A sandbox shows no
    /// others.   - emit: receives the output as it arrives, in order.
    package func run(
        _ program: Program, in folder: JobFolder, limits: SandboxLimits, proxySocket: String? = nil,
        shown: String? = nil, devices: [String] = [], emit: @escaping @Sendable (OutputEvent) -> Void
    ) async throws(Failure) -> End {
        if let end = refusal(of: program) { return end }
        let marker = Hex.encode(world.random(16))
        let group: ControlGroup?
        do {
            try prepare(program, marker: marker, in: folder, limits: limits, hasProxy: proxySocket != nil)
            group = try groups?.makeGroup(folder.name, limits: limits)
        } catch {
            throw .files(error)
        }
        let launch = Launch(
            kind: kind, group: group, folder: folder, limits: limits, proxySocket: proxySocket, shown: shown,
            devices: devices)
        let started = world.monotonic()
        let (result, reason) = await run(launch, marker: marker, emit: emit)
        switch result {
        case .failure(let error): throw .notStarted("\(error)")
        case .success(let (status, capture)):
            return try end(status, capture, reason, durationMilliseconds: world.monotonic() - started)
        }
    }

    /// Runs it under its time limit and monitor. No process is left when this returns.
    private func run(
        _ launch: Launch, marker: String, emit: @escaping @Sendable (OutputEvent) -> Void
    ) async -> (Result<(TerminationStatus, OutputCapture), any Error>, ProcessTree.Reason?) {
        let (world, limits, group) = (world, launch.limits, launch.group)
        let tree = ProcessTree(isSandboxed: isSandboxed, group: group, world: world)
        // Not a child task: cancelling it would kill `bwrap` alone.
        let running = Task { try await spawn(launch, marker: marker, tree: tree, emit: emit) }
        let timer = Task {
            try await world.sleep(.milliseconds(limits.wallMilliseconds))
            await tree.kill(.timeLimit)
        }
        let monitor = WorkFolderMonitor(folder: launch.folder.work.path, limits: limits, group: group, world: world)
        let monitoring = Task { await tree.kill(.overLimit(try await monitor.waitForExcess { tree.processes })) }
        let result = await withTaskCancellationHandler {
            await running.result
        } onCancel: {
            Task { await tree.kill(.stopped) }
        }
        tree.end()
        timer.cancel()
        monitoring.cancel()
        guard let group else { return (result, tree.reason) }
        var reason = tree.reason
        // The kernel may have been faster than the monitor.
        if reason == nil, group.hasRunOutOfMemory { reason = .overLimit(WorkFolderMonitor.outOfMemory(limits)) }
        // In an unstructured task: this one may be cancelled.
        await Task { await group.end(world) }.value
        return (result, reason)
    }

    private var isSandboxed: Bool {
        if case .bubblewrap = kind { true } else { false }
    }

    private var isLandlocked: Bool {
        if case .bubblewrap(let bubblewrap) = kind { bubblewrap.landlock == .used } else { false }
    }

    private func end(
        _ status: TerminationStatus, _ capture: OutputCapture, _ reason: ProcessTree.Reason?,
        durationMilliseconds: Int64
    ) throws(Failure) -> End {
        let cause: End.Cause
        switch (reason, status) {
        case (.timeLimit, _): cause = .timedOut
        case (.stopped, _): cause = .stopped
        // It succeeded before it could be killed.
        case (.overLimit, .exited(0)): cause = .exited(0)
        case (.overLimit(let message), _): cause = .overLimit(message)
        case (nil, _) where !capture.hasStarted:
            throw .notStarted(
                capture.sandboxErrors.isEmpty ? "the sandbox ended with \(status)" : capture.sandboxErrors)
        case (nil, .exited(let code)): cause = .exited(Int(code))
        case (nil, .signaled(let signal)): cause = .exited(128 + Int(signal))
        }
        return End(
            cause: cause, output: capture.output, isOutputTruncated: capture.isTruncated,
            durationMilliseconds: durationMilliseconds)
    }

    func prepare(
        _ program: Program, marker: String, in folder: JobFolder, limits: SandboxLimits, hasProxy: Bool
    ) throws(FileProblem) {
        let control = isSandboxed ? Bubblewrap.control : folder.control
        let script = StartScript(
            program: program, marker: marker, home: isSandboxed ? Bubblewrap.work : folder.work.path,
            input: program.stdin == nil ? "/dev/null" : "\(control)/stdin",
            limits: limits.commands(isGrouped: groups?.tree.controllers.contains(.memory) == true),
            hasProxy: hasProxy, variablesFile: isLandlocked ? "\(control)/variables" : nil)
        try folder.writeControl("start", script.text)
        if isLandlocked { try folder.writeControl("variables", script.variableBytes) }
        if let stdin = program.stdin { try folder.writeControl("stdin", stdin) }
        if usesQuota { ProjectQuota.limit(folder.work, limits) }
    }

    private func spawn(
        _ launch: Launch, marker: String, tree: ProcessTree, emit: @escaping @Sendable (OutputEvent) -> Void
    ) async throws -> (TerminationStatus, OutputCapture) {
        var options = PlatformOptions()
        if isSandboxed { options.processGroupID = 0 } else { options.createSession = true }
        var words = launch.commandLine
        let configuration = Configuration(
            executable: .name(words.removeFirst()), arguments: Arguments(words),
            environment: .custom(["PATH": Self.searchPath]), platformOptions: options)
        let (world, limits) = (world, launch.limits)
        Self.ignoreBrokenPipes
        let result = try await Subprocess.run(
            configuration, input: .inputWriter, output: .sequence, error: .combinedWithOutput
        ) { execution in
            await tree.begin(execution.processIdentifier.value)
            var capture = OutputCapture(
                marker: marker, logLimit: limits.logBytes, tailLimit: limits.outputBytes)
            var isReleased = false
            for try await buffer in execution.standardOutput {
                for event in buffer.withUnsafeBytes({ capture.take($0) }) { emit(event) }
                if capture.hasStarted, !isReleased {
                    isReleased = true
                    // It may have exited already; then its output ends.
                    _ = try? await execution.standardInputWriter.write([UInt8(ascii: "\n")])
                }
                // Throttle excessive output, so that it slows down the job and not the machine.
                if capture.total > Self.unthrottledBytes { try? await world.sleep(.milliseconds(2)) }
            }
            for event in capture.finish() { emit(event) }
            return capture
        }
        return (result.terminationStatus, result.closureResult)
    }

    /// Writing to a process that has exited must return an error instead of raising a signal. Children get the default
    /// action.
    private static let ignoreBrokenPipes: Void = { signal(SIGPIPE, SIG_IGN) }()

    static let searchPath = "/usr/bin:/bin:/usr/local/bin"
    /// Output beyond this is read at some tens of MB per second.
    private static let unthrottledBytes = 16 << 20
}
