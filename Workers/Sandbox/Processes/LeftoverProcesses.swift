internal import Bytes
internal import Glibc

/// Ends what a dead daemon's life left running: first what is in its control groups, then every process that names the
/// life, in its words, its surroundings or its mounts.
enum LeftoverProcesses {
    /// - Parameter life: the name of its folder, sixteen random hexadecimal digits, in every path of its jobs.
    ///   By any other name nothing is killed: a common word could be anybody's.
    static func end(life: String) {
        guard life.utf8.count == 16, Hex.decode(life)?.count == 8 else { return }
        if let tree = ControlGroupTree.find() {
            for group in ControlGroups.left(by: life, in: tree) {
                for _ in 0..<500 {
                    if !group.strike(), group.removeFolders() { break }
                    pause()
                }
            }
        }
        // The first process of a sandbox takes all of it along.
        for _ in 0..<500 {
            let found = processes(of: life)
            if found.isEmpty { return }
            for process in found.flatMap({ ProcessTree.withDescendants($0) }) { kill(process, SIGKILL) }
            pause()
        }
    }

    private static func processes(of life: String) -> [pid_t] {
        let numbers = fileNames(in: "/proc").compactMap { pid_t($0) }
        return numbers.filter { process in
            guard process != getpid(), !isDead(process) else { return false }
            return ["cmdline", "environ", "mountinfo"].contains { file in
                ControlFile.read("/proc/\(process)/\(file)")?.contains("/jobs/\(life)/") == true
            }
        }
    }

    /// A zombie has no memory left that could say anything, and a half-dead one needs no second kill.
    private static func isDead(_ process: pid_t) -> Bool {
        ControlFile.read("/proc/\(process)/cmdline")?.isEmpty ?? true
    }

    private static func pause() {
        poll(nil, 0, 5)
    }
}
