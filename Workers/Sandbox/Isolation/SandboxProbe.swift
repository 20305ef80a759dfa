package import Bytes
internal import Glibc
internal import Subprocess

/// The isolation that this machine supports, as determined by testing it.
package struct SandboxProbe: Sendable {
    /// `nil` when jobs can't be sandboxed here.
    package let sandbox: Sandbox?
    /// All layers, required or not.
    package let layers: [SandboxLayer]
    /// Why there is no sandbox, with the remedy, for people.
    package let missing: [String]
    /// Whether all that is missing is an answer: a later probe may find a sandbox.
    package let isUndecided: Bool
    /// How long the test took.
    package let milliseconds: Int64

    init(sandbox: Sandbox?, layers: [SandboxLayer], milliseconds: Int64) {
        let wanting = layers.filter { $0.isRequired && !$0.works }
        missing = wanting.compactMap(\.finding)
        isUndecided = !wanting.isEmpty && wanting.allSatisfy { $0.state == .undecided }
        self.sandbox = missing.isEmpty ? sandbox : nil
        self.layers = layers
        self.milliseconds = milliseconds
    }
}

extension Sandbox {
    /// Tests each layer by running programs as jobs of `state` would run.
    /// - Parameter share: of the machine, for all jobs of the sandbox together. Without control groups it can't be
    ///   enforced, and the layers report that.
    package static func probe(
        in state: StateFolder, share: HostShare = .whole, world: World = .live
    ) async -> SandboxProbe {
        let started = world.monotonic()
        var layers: [SandboxLayer]
        var sandbox: Sandbox?
        do throws(SandboxFault) {
            let opened = try await open(in: state, share: share, world: world)
            sandbox = opened
            layers = await SandboxSelfTest(sandbox: opened, state: state, share: share).run()
        } catch {
            layers = [
                error.isUndecided
                    ? .undecided(SandboxFault.layer) : .missing(SandboxFault.layer, error.reason, error.remedy)
            ]
        }
        return SandboxProbe(sandbox: sandbox, layers: layers, milliseconds: world.monotonic() - started)
    }

    /// Creates a sandbox, and runs a program in it: without a Landlock domain if it can't be run with one.
    static func open(
        in state: StateFolder, share: HostShare = .whole, world: World = .live
    ) async throws(SandboxFault) -> Sandbox {
        for (program, package) in [("bwrap", "bubblewrap"), ("setpriv", "util-linux"), ("nice", "coreutils")]
        where !isInstalled(program) {
            throw SandboxFault(reason: "\(program) is not installed", remedy: "apt-get install \(package)")
        }
        var bubblewrap = Bubblewrap(canDisableUserNamespaces: await version() >= (0, 8))
        do {
            bubblewrap.filter = try state.writeFilter(world)
            let disk = share.diskMegabytes.flatMap { DiskLimit(megabytes: $0, folder: state.path) }
            let groups = ControlGroupTree.find().flatMap {
                try? ControlGroups(in: $0, instance: state.instance, share: share, disk: disk, world: world)
            }
            bubblewrap.landlock = Landlock.expected
            var sandbox = Sandbox(kind: .bubblewrap(bubblewrap), groups: groups, world: world)
            var end = try await sandbox.trial(in: state)
            if end.cause != .exited(0), bubblewrap.landlock == .used {
                bubblewrap.landlock = Landlock(failed: end)
                sandbox = Sandbox(kind: .bubblewrap(bubblewrap), groups: groups, world: world)
                end = try await sandbox.trial(in: state)
            }
            guard end.cause == .exited(0) else { throw Failure.notStarted("a test run ended with \(end.cause)") }
            sandbox.usesQuota = true
            return sandbox
        } catch {
            throw SandboxFault(error)
        }
    }

    /// Runs `true`.
    private func trial(in state: StateFolder) async throws -> End {
        let folder = try state.makeJobFolder(for: HostUser(slot: 0))
        defer { try? folder.remove() }
        let limits = SandboxLimits(wallMilliseconds: SandboxSelfTest.milliseconds)
        let end = try await run(Program(["true"]), in: folder, limits: limits) { _ in }
        if end.cause == .timedOut { throw SandboxFault.undecided }
        return end
    }

    static func isInstalled(_ program: String) -> Bool {
        searchPath.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
    }

    /// Major and minor version, from `bubblewrap 0.8.0`.
    private static func version() async -> (Int, Int) {
        let result = try? await Subprocess.run(
            .name("bwrap"), arguments: ["--version"], environment: .custom(["PATH": searchPath]),
            output: .string(limit: 256))
        let parts = (result?.standardOutput ?? "").split { !$0.isNumber }.compactMap { Int($0) }
        return parts.count >= 2 ? (parts[0], parts[1]) : (0, 0)
    }
}
