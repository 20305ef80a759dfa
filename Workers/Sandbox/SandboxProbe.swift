package import Bytes
internal import Glibc
internal import Subprocess

/// What this machine was found to give, by trying it.
package struct SandboxProbe: Sendable {
    /// `nil` when jobs can't be walled in here.
    package let sandbox: Sandbox?
    /// What is missing, with the remedy, for people.
    package let missing: [String]
    /// How long the trial took.
    package let milliseconds: Int64
}

extension Sandbox {
    /// Runs `true` behind all the walls, as a job of `state` would run. Nothing is believed that wasn't tried.
    package static func probe(in state: StateFolder, world: World = .live) async -> SandboxProbe {
        var missing: [String] = []
        let programs = [
            ("bwrap", "bubblewrap"), ("prlimit", "util-linux"), ("setpriv", "util-linux"), ("nice", "coreutils"),
        ]
        for (program, package) in programs where !isInstalled(program) {
            missing.append("\(program) is not installed: apt-get install \(package)")
        }
        guard missing.isEmpty else { return SandboxProbe(sandbox: nil, missing: missing, milliseconds: 0) }
        let bubblewrap = Bubblewrap(canDisableUserNamespaces: await version() >= (0, 8))
        let sandbox = Sandbox(kind: .bubblewrap(bubblewrap), world: world)
        let started = world.monotonic()
        do {
            let folder = try state.makeJobFolder(for: HostUser(slot: 0))
            defer { try? folder.remove() }
            let limits = SandboxLimits(wallMilliseconds: 10_000)
            let end = try await sandbox.run(Program(["true"]), in: folder, limits: limits) { _ in }
            guard end.cause == .exited(0) else { throw Failure.notStarted("a trial run ended as \(end.cause)") }
        } catch let failure as Failure {
            return SandboxProbe(sandbox: nil, missing: [remedy(for: failure.message)], milliseconds: 0)
        } catch {
            return SandboxProbe(sandbox: nil, missing: ["\(error)"], milliseconds: 0)
        }
        return SandboxProbe(sandbox: sandbox, missing: [], milliseconds: world.monotonic() - started)
    }

    private static func isInstalled(_ program: String) -> Bool {
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

    private static func remedy(for complaint: String) -> String {
        let text = complaint.split(separator: "\n").joined(separator: "; ")
        if text.contains("proc on") {
            return "\(text): /proc is masked; in a container, start it with --security-opt systempaths=unconfined"
        }
        if text.contains("Permission denied") && text.contains("/work") {
            return "\(text): jobs can't reach the state folder; choose one that every user may pass, with --state-dir"
        }
        if text.contains("namespace") || text.contains("uid map") || text.contains("Operation not permitted") {
            return "\(text): user namespaces are off; set kernel.unprivileged_userns_clone=1, and on Ubuntu "
                + "kernel.apparmor_restrict_unprivileged_userns=0, or allow them in the container"
        }
        return text
    }
}
