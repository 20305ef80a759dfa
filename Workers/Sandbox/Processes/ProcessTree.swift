internal import Bytes
internal import Glibc
internal import Synchronization

/// The processes of one run, killed together: those below `bwrap`, or without a sandbox those of a session.
final class ProcessTree: Sendable {
    enum Reason: Sendable {
        case timeLimit, stopped
        /// The message for `Sandbox.End.Cause`.
        case overLimit(String)
    }

    private struct State {
        var leader: pid_t?
        var reason: Reason?
        var hasEnded = false
    }

    private let state = Mutex(State())
    private let isSandboxed: Bool
    private let group: ControlGroup?
    private let world: World

    init(isSandboxed: Bool, group: ControlGroup?, world: World) {
        self.isSandboxed = isSandboxed
        self.group = group
        self.world = world
    }

    /// Why it was killed, if it was.
    var reason: Reason? {
        state.withLock(\.reason)
    }

    /// Sets the leader, and kills it if `kill` was called before.
    func begin(_ leader: pid_t) async {
        let isKilled = state.withLock { state in
            state.leader = leader
            return state.reason != nil
        }
        if isKilled { await kill(leader) }
    }

    /// The current processes.
    var processes: [pid_t] {
        if let group { return group.processes }
        guard let leader = state.withLock({ $0.hasEnded ? nil : $0.leader }) else { return [] }
        return Self.withDescendants(leader)
    }

    /// A process and all its descendants.
    static func withDescendants(_ process: pid_t) -> [pid_t] {
        var found = [process]
        var next = 0
        // A fork bomb's processes needn't all be found.
        while next < found.count, found.count < 4_096 {
            found += children(of: found[next])
            next += 1
        }
        return found
    }

    /// The leader has ended. Nothing is killed afterwards: its PID may be reused.
    func end() {
        state.withLock { state in
            state.hasEnded = true
            // Without a sandbox its children may still be running, in its process group.
            if let leader = state.leader, !isSandboxed { Glibc.kill(-leader, SIGKILL) }
        }
    }

    func kill(_ reason: Reason) async {
        let leader = state.withLock { state -> pid_t? in
            guard !state.hasEnded else { return nil }
            state.reason = state.reason ?? reason
            return state.leader
        }
        if let leader { await kill(leader) }
    }

    private func kill(_ leader: pid_t) async {
        guard isSandboxed else {
            Glibc.kill(-leader, SIGKILL)
            Glibc.kill(leader, SIGKILL)
            return
        }
        // A stopped `bwrap` can't fork. Its child is the init process of the sandbox's PID namespace: when that dies,
        // the kernel kills all others before `bwrap` is notified, so that the end of `bwrap` is the end of all.
        Glibc.kill(leader, SIGSTOP)
        for _ in 0..<100 where !Self.isStopped(leader) { try? await world.sleep(.milliseconds(1)) }
        let children = Self.children(of: leader)
        for child in children { Glibc.kill(child, SIGKILL) }
        Glibc.kill(leader, children.isEmpty ? SIGKILL : SIGCONT)
        group?.killOnce()
    }

    private static func isStopped(_ process: pid_t) -> Bool {
        // The state follows the name, which is in parentheses and may contain any character.
        guard let status = ControlFile.read("/proc/\(process)/stat"), let name = status.lastIndex(of: ")") else {
            return true
        }
        return "TtZX".contains { status[name...].dropFirst(2).first == $0 }
    }

    private static func children(of process: pid_t) -> [pid_t] {
        let list = ControlFile.read("/proc/\(process)/task/\(process)/children") ?? ""
        return list.split(separator: " ").compactMap { pid_t($0) }
    }
}
