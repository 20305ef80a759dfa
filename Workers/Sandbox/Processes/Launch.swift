/// The command line that starts a job on the host. Each program of the chain executes the next, so that `bwrap` becomes
/// the daemon's child: the shell joins the job's control groups, so that all that follows is in them, and opens the
/// system call filter; `setpriv` drops root.
///
/// Done by programs and not between fork and exec: libc functions there may deadlock on another thread's locks.
struct Launch: Sendable {
    let kind: Sandbox.Kind
    let group: ControlGroup?
    let folder: JobFolder
    let limits: SandboxLimits
    let proxySocket: String?
    var shown: String?
    /// Device files of this machine that the job may open.
    var devices: [String] = []

    var commandLine: [String] {
        var words: [String]
        switch kind {
        case .bubblewrap(let bubblewrap):
            words = ["bwrap"]
            words += bubblewrap.arguments(
                for: folder, limits: limits, proxySocket: proxySocket, shown: shown, devices: devices)
        case .none:
            words = ["sh", "\(folder.control)/start"]
        }
        if !hasLowWeight { words = ["nice", "-n", "10"] + words }
        if let id = folder.work.user.id {
            words = ["setpriv", "--reuid=\(id)", "--regid=\(id)", groups] + words
        }
        let steps = setup
        return steps.isEmpty ? words : ["sh", "-c", (steps + ["exec \"$@\""]).joined(separator: " && "), "sh"] + words
    }

    /// Those of its devices, and no others of the daemon's.
    private var groups: String {
        let groups = DeviceFile.groups(of: devices).map { String($0) }
        return groups.isEmpty ? "--clear-groups" : "--groups=\(groups.joined(separator: ","))"
    }

    /// The control group of all jobs has a low CPU weight; then `nice` isn't needed.
    private var hasLowWeight: Bool {
        group?.tree.controllers.contains(.cpu) == true
    }

    private var setup: [String] {
        var steps = (group?.processFiles ?? []).map { "echo 0 > \(Program.quoted($0))" }
        if case .bubblewrap(let bubblewrap) = kind, let filter = bubblewrap.filter {
            steps.append("exec \(Bubblewrap.filterDescriptor)< \(Program.quoted(filter))")
        }
        return steps
    }
}
