internal import Bytes
internal import Egress
internal import Runtime
internal import Sandbox
internal import Wire

/// Fetches an audit's branch in a sandbox of its own, whose only way out is a proxy to the repository's host, and
/// writes its files in another one without network.
struct GitFetch: Sendable {
    /// The repository's own fault: a verdict.
    struct Refusal: Error, Sendable {
        let reason: String
    }

    let sandbox: Sandbox
    let state: StateFolder
    let rules: AuditRules
    /// Whether this machine can resolve names at all.
    let isOnline: @Sendable () async -> Bool
    let world: World

    /// The files of the branch as the work folder of a run that hasn't begun. The caller removes the folder.
    /// - Parameter deadline: by the world's monotonic clock.
    func files(_ audit: ClaimedJob.Audit, for command: CommandJob, deadline: Int64) async throws -> JobFolder {
        let url: RepositoryURL
        do {
            url = try RepositoryURL(audit.repoURL, schemes: rules.schemes)
        } catch {
            throw Refusal(reason: error.message)
        }
        var branch: BranchName?
        if let name = audit.branch {
            guard let valid = BranchName(name) else { throw Refusal(reason: "that is not a valid name of a branch") }
            branch = valid
        }
        if let folder = url.folder, !Self.isRepository(folder) {
            throw Refusal(reason: "\(folder) is not a git repository that this worker can read")
        }
        let deadline = min(deadline, world.monotonic() + rules.fetchMilliseconds)
        for attempt in 1... {
            let folder = try command.makeFolder(in: state)
            defer { try? folder.remove() }
            guard try await fetch(url, branch, in: folder, command, deadline, isLast: attempt >= rules.attempts) else {
                command.context.log("[audit] the server could not be reached, trying again\n")
                try await world.sleep(.milliseconds(rules.pauseMilliseconds))
                continue
            }
            return try await checkOut(in: folder, command, deadline)
        }
        throw Refusal(reason: "the server could not be reached")
    }

    /// What looks like a repository, so that no other folder is ever shown to the sandbox.
    private static func isRepository(_ folder: String) -> Bool {
        HostFolder.hasFile("\(folder)/HEAD") || HostFolder.exists("\(folder)/.git")
    }

    /// - Returns: false when the server couldn't be reached, and another attempt is allowed.
    private func fetch(
        _ url: RepositoryURL, _ branch: BranchName?, in folder: JobFolder, _ command: CommandJob, _ deadline: Int64,
        isLast: Bool
    ) async throws -> Bool {
        let program = GitCommand.fetch(url, branch: branch)
        guard let server = url.server else {
            try check(try await run(program, in: folder, command, deadline, shown: url.folder))
            return true
        }
        let egress: EgressRules
        do {
            egress = try rules.egress(to: server)
        } catch {
            throw Refusal(reason: error.message)
        }
        let (end, usage) = try await JobNetwork(rules: egress).openMetered(in: folder, command.context) {
            try await run(program, in: folder, command, deadline, proxySocket: $0)
        }
        if case .exited(let code) = end.cause, code != 0, usage.requestsFailed > 0 {
            // A name that is unknown, or a server that doesn't answer: that may be our network.
            guard isLast else { return false }
            guard await isOnline() else { throw MachineFault("the network of this machine is down") }
        }
        try check(end)
        return true
    }

    private func checkOut(in folder: JobFolder, _ command: CommandJob, _ deadline: Int64) async throws -> JobFolder {
        let files = try command.makeFolder(in: state)
        do {
            try folder.prepareForNextRun()
            try folder.makeWorkFolder(GitCommand.tree)
            try check(try await run(GitCommand.checkout, in: folder, command, deadline))
            try files.takeOver(GitCommand.tree, of: folder)
            if let excess = try files.work.excess(bytes: rules.bytes, files: rules.files) {
                throw Refusal(reason: "the branch has \(excess)")
            }
            return files
        } catch {
            try? files.remove()
            guard let problem = error as? FileProblem else { throw error }
            if case .system = problem {
                throw MachineFault("state folder: \(problem.message)", problem.isShortage ? .shortage : .unknown)
            }
            throw Refusal(reason: "the fetched files can't be used: the branch's folder \(problem.message)")
        }
    }

    private func run(
        _ program: Program, in folder: JobFolder, _ command: CommandJob, _ deadline: Int64,
        proxySocket: String? = nil, shown: String? = nil
    ) async throws -> Sandbox.End {
        let remaining = max(1, deadline - world.monotonic())
        let limits = SandboxLimits(
            wallMilliseconds: remaining, memoryBytes: rules.memoryBytes, cpuSeconds: remaining / 1_000 + 1,
            processes: 64, fileBytes: rules.bytes, workBytes: rules.bytes &* 2, workFiles: rules.files,
            temporaryBytes: 16 << 20, logBytes: 64 << 10, outputBytes: 16 << 10)
        do {
            return try await sandbox.run(
                program, in: folder, limits: limits, proxySocket: proxySocket, shown: shown, emit: command.emit)
        } catch {
            // `bwrap` can't show a folder that the jobs' user can't reach.
            if let shown, error.message.contains(shown) {
                throw Refusal(reason: "\(shown) is not a git repository that this worker can read")
            }
            throw MachineFault(error.message, error.isShortage ? .shortage : .unknown)
        }
    }

    private func check(_ end: Sandbox.End) throws {
        switch end.cause {
        case .exited(0): return
        case .exited(let code):
            // By the disk itself: what `git` prints may be the server's words.
            if let free = state.freeBytes, free < rules.reservedBytes {
                throw MachineFault("the disk of the state folder is full", .shortage)
            }
            let reason = Self.reason(end.output)
            throw Refusal(reason: reason.isEmpty ? "git exited with code \(code)" : reason)
        case .timedOut: throw Refusal(reason: "it took longer than the time limit")
        case .overLimit(let excess): throw Refusal(reason: "it \(excess)")
        case .stopped: throw CancellationError()
        }
    }

    /// The first error that `git` printed itself, and not its server (`remote: …`).
    private static func reason(_ output: String) -> String {
        let lines = output.split(whereSeparator: \.isNewline)
        let line = lines.first { $0.hasPrefix("fatal: ") || $0.hasPrefix("error: ") } ?? lines.last ?? ""
        return RepositoryURL.shown(String(line))
    }
}
