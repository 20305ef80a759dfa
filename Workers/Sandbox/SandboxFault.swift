/// Why nothing can be run behind walls on this machine.
struct SandboxFault: Error {
    let why: String
    /// Empty when nobody knows one.
    let remedy: String

    /// The wall whose fault it is: without it nothing runs at all.
    static let layer = "namespaces"

    init(why: String, remedy: String) {
        self.why = why
        self.remedy = remedy
    }

    init(_ error: any Error) {
        switch error {
        case let failure as Sandbox.Failure: self.init(complaint: failure.message)
        case let problem as FileProblem: self.init(complaint: problem.message)
        default: self.init(complaint: "\(error)")
        }
    }

    /// What a program of the chain said when it gave up.
    private init(complaint: String) {
        let why = complaint.split(separator: "\n").joined(separator: "; ")
        self.why = why
        remedy =
            if why.contains("proc on") {
                "/proc is masked; in a container, start it with --security-opt systempaths=unconfined"
            } else if why.contains("Permission denied") && why.contains("/work") {
                "jobs can't reach the state folder; choose one that every user may pass, with --state-dir"
            } else if ["namespace", "uid map", "Operation not permitted"].contains(where: { why.contains($0) }) {
                "user namespaces are off; set kernel.unprivileged_userns_clone=1, and on Ubuntu "
                    + "kernel.apparmor_restrict_unprivileged_userns=0, or allow them in the container"
            } else {
                ""
            }
    }
}
