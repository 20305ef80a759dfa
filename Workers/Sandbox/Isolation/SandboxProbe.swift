package import Bytes
internal import Glibc
internal import Subprocess

/// What this machine was found to give, by trying it.
package struct SandboxProbe: Sendable {
    /// `nil` when jobs can't be walled in here.
    package let sandbox: Sandbox?
    /// Every wall, the needed and the others.
    package let layers: [SandboxLayer]
    /// Why there is no sandbox, with the remedy, for people.
    package let missing: [String]
    /// How long the trial took.
    package let milliseconds: Int64

    init(sandbox: Sandbox?, layers: [SandboxLayer], milliseconds: Int64) {
        missing = layers.filter(\.isRequired).compactMap(\.finding)
        self.sandbox = missing.isEmpty ? sandbox : nil
        self.layers = layers
        self.milliseconds = milliseconds
    }
}

extension Sandbox {
    /// Runs trials behind the walls, as jobs of `state` would run. Nothing is believed that wasn't tried.
    /// - Parameter share: of the machine, for all jobs of the sandbox together. Where there are no control groups it
    ///   can't be held, and the layers say so.
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
            layers = [.missing(SandboxFault.layer, error.why, error.remedy)]
        }
        return SandboxProbe(sandbox: sandbox, layers: layers, milliseconds: world.monotonic() - started)
    }

    /// A sandbox that has run one program.
    static func open(
        in state: StateFolder, share: HostShare = .whole, world: World = .live
    ) async throws(SandboxFault) -> Sandbox {
        for (program, package) in [("bwrap", "bubblewrap"), ("setpriv", "util-linux"), ("nice", "coreutils")]
        where !isInstalled(program) {
            throw SandboxFault(why: "\(program) is not installed", remedy: "apt-get install \(package)")
        }
        var bubblewrap = Bubblewrap(canDisableUserNamespaces: await version() >= (0, 8))
        do {
            bubblewrap.filter = try state.writeFilter(world)
            let groups = ControlGroupTree.find().flatMap {
                try? ControlGroups(in: $0, life: state.lifeName, share: share, world: world)
            }
            let sandbox = Sandbox(kind: .bubblewrap(bubblewrap), groups: groups, world: world)
            let folder = try state.makeJobFolder(for: HostUser(slot: 0))
            defer { try? folder.remove() }
            let limits = SandboxLimits(wallMilliseconds: 10_000)
            let end = try await sandbox.run(Program(["true"]), in: folder, limits: limits) { _ in }
            guard end.cause == .exited(0) else { throw Failure.notStarted("a trial run ended as \(end.cause)") }
            return sandbox
        } catch {
            throw SandboxFault(error)
        }
    }

    static func isInstalled(_ program: String) -> Bool {
        searchPath.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
    }

    /// Major and minor, of `bubblewrap 0.8.0`.
    private static func version() async -> (Int, Int) {
        let result = try? await Subprocess.run(
            .name("bwrap"), arguments: ["--version"], environment: .custom(["PATH": searchPath]),
            output: .string(limit: 256))
        let parts = (result?.standardOutput ?? "").split { !$0.isNumber }.compactMap { Int($0) }
        return parts.count >= 2 ? (parts[0], parts[1]) : (0, 0)
    }
}
