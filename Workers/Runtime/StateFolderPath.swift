internal import Glibc

extension WorkerConfiguration {
    /// `/var/lib/hatchfarm/worker` for root, whose home other users can't enter; else below `XDG_STATE_HOME` or
    /// `~/.local/state`.
    package static var defaultStateFolder: String {
        if geteuid() == 0 { return "/var/lib/hatchfarm/worker" }
        if let state = value("XDG_STATE_HOME"), state.hasPrefix("/") { return "\(state)/hatchfarm/worker" }
        return "\(value("HOME") ?? "/tmp")/.local/state/hatchfarm/worker"
    }

    private static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
