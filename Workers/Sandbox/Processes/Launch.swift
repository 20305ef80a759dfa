/// The words that start a job on the host. Each program of the chain becomes the next, so that the daemon's child is
/// `bwrap` in the end: the shell enters the job's control groups, so that all that follows is inside, and opens the
/// filter; `setpriv` leaves root behind.
///
/// By programs and not between fork and exec: there libc takes locks that another thread may have held.
struct Launch: Sendable {
    let kind: Sandbox.Kind
    let group: ControlGroup?
    let folder: JobFolder
    let limits: SandboxLimits
    let proxySocket: String?

    var words: [String] {
        var words: [String]
        switch kind {
        case .bubblewrap(let bubblewrap):
            words = ["bwrap"] + bubblewrap.arguments(for: folder, limits: limits, proxySocket: proxySocket)
        case .none:
            words = ["sh", "\(folder.control)/start"]
        }
        if !hasShare { words = ["nice", "-n", "10"] + words }
        if let id = folder.work.user.id {
            words = ["setpriv", "--reuid=\(id)", "--regid=\(id)", "--clear-groups"] + words
        }
        let steps = entrances
        return steps.isEmpty ? words : ["sh", "-c", (steps + ["exec \"$@\""]).joined(separator: " && "), "sh"] + words
    }

    /// The control group of all jobs has a small share of the processors; then `nice` isn't needed.
    private var hasShare: Bool {
        group?.tree.controllers.contains(.cpu) == true
    }

    private var entrances: [String] {
        var steps = (group?.doors ?? []).map { "echo 0 > \(Program.quoted($0))" }
        if case .bubblewrap(let bubblewrap) = kind, let filter = bubblewrap.filter {
            steps.append("exec \(Bubblewrap.filterDescriptor)< \(Program.quoted(filter))")
        }
        return steps
    }
}
