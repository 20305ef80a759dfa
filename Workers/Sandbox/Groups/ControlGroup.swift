internal import Bytes
internal import Glibc

/// A control group: all processes of one job, including those that they fork.
struct ControlGroup: Sendable {
    let tree: ControlGroupTree
    /// Relative to the tree's folders.
    let name: String

    /// Version 1 limits I/O of each group apart from the groups in it: there jobs stay in the group of all, and have
    /// none of their own.
    var folders: [String] {
        let own = sharedFolder == nil ? tree.folders : tree.foldersOfJobs
        return own.map { "\($0)/\(name)" }
    }

    /// Where a job's I/O is counted with that of all.
    private var sharedFolder: String? {
        guard case .separate(let folders) = tree, let slash = name.lastIndex(of: "/") else { return nil }
        return folders[.io].map { "\($0)/\(name[..<slash])" }
    }

    /// A shell joins the group by writing `0` to these files; its children inherit the membership.
    var processFiles: [String] {
        (folders + [sharedFolder].compactMap(\.self)).map { "\($0)/cgroup.procs" }
    }

    private func folder(of controller: ControlGroupTree.Controller) -> String? {
        switch tree {
        case .unified(let folder, let controllers): controllers.contains(controller) ? "\(folder)/\(name)" : nil
        case .separate(let folders): folders[controller].map { "\($0)/\(name)" }
        }
    }

    private var isUnified: Bool {
        if case .unified = tree { true } else { false }
    }

    func make() throws(FileProblem) {
        for folder in folders where mkdir(folder, 0o755) != 0 { throw .last("create \(folder)") }
    }

    func limit(_ limits: SandboxLimits) throws(FileProblem) {
        try limitMemory(max(limits.memoryBytes, 8 << 20))
        // `bwrap` and the start shell are inside too.
        if let folder = folder(of: .pids) {
            try ControlFile.write(String(limits.processes + 3), to: "\(folder)/pids.max")
        }
        if let milliCores = limits.milliCores { try limitProcessors(milliCores) }
        if isUnified, let folder = folder(of: .memory) {
            // Kill all of a job at once: a partly killed one is useless.
            try ControlFile.write("1", to: "\(folder)/memory.oom.group")
        }
    }

    func limit(_ share: HostShare) throws(FileProblem) {
        let cores = Int64(sysconf(CInt(_SC_NPROCESSORS_ONLN)))
        if share.cpuPercent < 100 { try limitProcessors(cores * 10 * Int64(share.cpuPercent)) }
        if let percent = share.memoryPercent {
            let pages = Int64(sysconf(CInt(_SC_PHYS_PAGES)))
            try limitMemory(pages / 100 * Int64(percent) * Int64(sysconf(CInt(_SC_PAGESIZE))))
        }
        yieldDisk()
        // A tenth of other processes' weight, as `nice -n 10`: the owner's own work has priority.
        if let folder = folder(of: .cpu) {
            try ControlFile.write(isUnified ? "10" : "102", to: "\(folder)/cpu.\(isUnified ? "weight" : "shares")")
        }
    }

    /// A low weight, where the disk's scheduler has weights.
    private func yieldDisk() {
        guard let folder = folder(of: .io) else { return }
        let files = isUnified ? ["io.weight", "io.bfq.weight"] : ["blkio.bfq.weight", "blkio.weight"]
        for file in files { try? ControlFile.write("10", to: "\(folder)/\(file)") }
    }

    /// Limits what it reads and writes of a disk, with all groups in it. Nothing happens without its controller.
    func limit(_ disk: DiskLimit) throws(FileProblem) {
        guard let folder = folder(of: .io) else { return }
        for file in disk.files(isUnified: isUnified) { try ControlFile.write(file.text, to: "\(folder)/\(file.name)") }
    }

    /// Whether the kernel says that it is limited so.
    func holds(_ disk: DiskLimit) -> Bool {
        guard let folder = folder(of: .io) else { return false }
        return disk.files(isUnified: isUnified).allSatisfy { file in
            let lines = (ControlFile.read("\(folder)/\(file.name)") ?? "").split(separator: "\n")
            return lines.contains { $0 == file.text || $0.hasPrefix(file.text + " ") }
        }
    }

    private func limitMemory(_ bytes: Int64) throws(FileProblem) {
        guard let folder = folder(of: .memory) else { return }
        if isUnified {
            try ControlFile.write(String(bytes), to: "\(folder)/memory.max")
            // Missing on kernels without swap.
            try? ControlFile.write("0", to: "\(folder)/memory.swap.max")
        } else {
            try? ControlFile.write("1", to: "\(folder)/memory.use_hierarchy")
            try ControlFile.write(String(bytes), to: "\(folder)/memory.limit_in_bytes")
            try? ControlFile.write(String(bytes), to: "\(folder)/memory.memsw.limit_in_bytes")
            try? ControlFile.write("0", to: "\(folder)/memory.swappiness")
        }
    }

    private func limitProcessors(_ milliCores: Int64) throws(FileProblem) {
        guard let folder = folder(of: .cpu) else { return }
        // Microseconds per tenth of a second; the kernel's minimum is 1,000.
        let quota = max(1_000, min(milliCores, 4_096_000) * 100)
        if isUnified {
            try ControlFile.write("\(quota) 100000", to: "\(folder)/cpu.max")
        } else {
            try ControlFile.write("100000", to: "\(folder)/cpu.cfs_period_us")
            try ControlFile.write(String(quota), to: "\(folder)/cpu.cfs_quota_us")
        }
    }

    /// Whether the kernel has killed a process because the group was out of memory.
    var hasRunOutOfMemory: Bool {
        guard let folder = folder(of: .memory) else { return false }
        let file = isUnified ? "memory.events" : "memory.oom_control"
        return (ControlFile.number("oom_kill", in: "\(folder)/\(file)") ?? 0) > 0
    }

    /// Whether the kernel has throttled the group at its CPU limit.
    var hasBeenThrottled: Bool {
        guard let folder = folder(of: .cpu) else { return false }
        return (ControlFile.number("nr_throttled", in: "\(folder)/cpu.stat") ?? 0) > 0
    }

    var processes: [pid_t] {
        Set(folders.flatMap { ControlFile.processes(in: $0) }).sorted()
    }

    /// Kills the processes in the group. With version 1 a process that is just being forked may escape: call it again.
    /// - Returns: whether there were any.
    @discardableResult
    func killOnce() -> Bool {
        if isUnified, let folder = folders.first, (try? ControlFile.write("1", to: "\(folder)/cgroup.kill")) != nil {
            return !processes.isEmpty
        }
        if let folder = folder(of: .pids) { try? ControlFile.write("0", to: "\(folder)/pids.max") }
        let found = processes
        for process in found { Glibc.kill(process, SIGKILL) }
        return !found.isEmpty
    }

    /// Kills until no process is left, and removes the group.
    func end(_ world: World) async {
        var rounds = 0
        while killOnce(), rounds < 1_000 {
            rounds += 1
            try? await world.sleep(.milliseconds(rounds < 20 ? 1 : 10))
        }
        for _ in 0..<50 where !removeFolders() { try? await world.sleep(.milliseconds(2)) }
    }

    @discardableResult
    func removeFolders() -> Bool {
        folders.filter { rmdir($0) != 0 && errno != ENOENT }.isEmpty
    }
}
