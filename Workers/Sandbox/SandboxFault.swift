/// Why the sandbox doesn't work on this machine.
struct SandboxFault: Error {
    let reason: String
    /// Empty if none is known.
    let remedy: String

    /// Nothing is known to be wrong: the machine was too busy to tell.
    var isUndecided = false

    static let undecided: SandboxFault = {
        var fault = SandboxFault(reason: SandboxLayer.tooBusy, remedy: "")
        fault.isUndecided = true
        return fault
    }()

    /// The layer that failed: without it nothing can run.
    static let layer = "namespaces"

    init(reason: String, remedy: String) {
        self.reason = reason
        self.remedy = remedy
    }

    init(_ error: any Error) {
        switch error {
        case let fault as SandboxFault: self = fault
        case let failure as Sandbox.Failure: self.init(output: failure.message)
        case let problem as FileProblem: self.init(output: problem.message)
        default: self.init(output: "\(error)")
        }
    }

    /// - Parameter output: the error output of a program that starts the sandbox.
    private init(output: String) {
        let reason = output.split(separator: "\n").joined(separator: "; ")
        self.reason = reason
        remedy =
            if reason.contains("proc on") {
                "/proc is masked; in a container, start it with --security-opt systempaths=unconfined"
            } else if reason.contains("Permission denied") && reason.contains("/work") {
                "jobs can't reach the state folder; choose one that every user can traverse, with --state"
            } else if ["namespace", "uid map", "Operation not permitted"].contains(where: { reason.contains($0) }) {
                "user namespaces are disabled; set kernel.unprivileged_userns_clone=1, and on Ubuntu "
                    + "kernel.apparmor_restrict_unprivileged_userns=0, or allow them in the container"
            } else {
                ""
            }
    }
}
