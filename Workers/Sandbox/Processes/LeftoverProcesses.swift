internal import Bytes
internal import Glibc

/// Kills the processes that a dead daemon instance left behind: those in its control groups, then every process whose
/// arguments, environment or mounts contain the instance's name.
enum LeftoverProcesses {
    /// - Parameter instance: the name of its folder, 16 random hex digits, which is part of all paths of its jobs.
    ///   Anything else is ignored: a common word could match unrelated processes.
    static func kill(instance: String) {
        guard instance.utf8.count == 16, Hex.decode(instance)?.count == 8 else { return }
        if let tree = ControlGroupTree.find() {
            for group in ControlGroups.leftovers(of: instance, in: tree) {
                for _ in 0..<500 {
                    if !group.killOnce(), group.removeFolders() { break }
                    pause()
                }
            }
        }
        // When the first process of a sandbox dies, the kernel kills the others.
        for _ in 0..<500 {
            let found = processes(of: instance)
            if found.isEmpty { return }
            for process in found.flatMap({ ProcessTree.withDescendants($0) }) { Glibc.kill(process, SIGKILL) }
            pause()
        }
    }

    private static func processes(of instance: String) -> [pid_t] {
        let numbers = fileNames(in: "/proc").compactMap { pid_t($0) }
        return numbers.filter { process in
            guard process != getpid(), !isDead(process) else { return false }
            return ["cmdline", "environ", "mountinfo"].contains { file in
                ControlFile.read("/proc/\(process)/\(file)")?.contains("/jobs/\(instance)/") == true
            }
        }
    }

    /// A zombie has no command line, and needs no second kill.
    private static func isDead(_ process: pid_t) -> Bool {
        ControlFile.read("/proc/\(process)/cmdline")?.isEmpty ?? true
    }

    private static func pause() {
        poll(nil, 0, 5)
    }
}
