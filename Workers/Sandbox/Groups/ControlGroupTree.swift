internal import Glibc

/// Where control groups can be created: in one hierarchy for all controllers (version 2), or in one for each
/// (version 1). Kernel documentation: admin-guide/cgroup-v2.rst and cgroup-v1/.
enum ControlGroupTree: Equatable, Sendable {
    enum Controller: String, CaseIterable, Sendable {
        case memory, pids, cpu, io

        fileprivate var versionOneName: String { self == .io ? "blkio" : rawValue }
    }

    /// The parent folder of the groups, and its controllers.
    case unified(folder: String, controllers: Set<Controller>)
    case separate(folders: [Controller: String])

    static let prefix = "hatchfarm-"
    /// The daemon's own group beside its jobs': a group that delegates controllers can't contain processes itself.
    private static let ownName = "hatchfarm-daemon"

    var controllers: Set<Controller> {
        switch self {
        case .unified(_, let controllers): controllers
        case .separate(let folders): Set(folders.keys)
        }
    }

    /// The folders in which each group is created.
    var folders: [String] {
        switch self {
        case .unified(let folder, _): [folder]
        // In a stable order.
        case .separate(let folders): Controller.allCases.compactMap { folders[$0] }
        }
    }

    /// Those of the groups of jobs with version 1, where there is one for I/O.
    var foldersOfJobs: [String] {
        guard case .separate(let folders) = self else { return self.folders }
        return Controller.allCases.filter { $0 != .io }.compactMap { folders[$0] }
    }

    /// The hierarchy that this process may use. Version 1 needs root. Version 2: the group that was delegated to this
    /// process (systemd's `Delegate=yes`), in which it moves itself into a subgroup; else, for root, the root group.
    /// - Parameter proc: replaces `/proc/self`.
    static func find(proc: String = "/proc/self") -> ControlGroupTree? {
        let mounts = controlGroupMounts(proc: proc)
        var folders: [Controller: String] = [:]
        for mount in mounts where mount.type == "cgroup" && access(mount.path, W_OK) == 0 {
            for controller in Controller.allCases where mount.options.contains(controller.versionOneName) {
                folders[controller] = mount.path
            }
        }
        // A job has no group of its own there for its I/O alone.
        if folders.keys.contains(where: { $0 != .io }) { return .separate(folders: folders) }
        guard let root = mounts.first(where: { $0.type == "cgroup2" })?.path else { return nil }
        for folder in [delegated(under: root, proc: proc), root].compactMap(\.self) {
            let controllers = delegateControllers(in: folder)
            if !controllers.isEmpty { return .unified(folder: folder, controllers: controllers) }
        }
        return nil
    }

    /// Enables the controllers of `folder` for its subgroups.
    /// - Returns: those enabled; none without permission, or if the group contains other processes.
    private static func delegateControllers(in folder: String) -> Set<Controller> {
        guard access("\(folder)/cgroup.procs", W_OK) == 0 else { return [] }
        for controller in Controller.allCases {
            try? ControlFile.write("+\(controller.rawValue)", to: "\(folder)/cgroup.subtree_control")
        }
        let words = ControlFile.read("\(folder)/cgroup.subtree_control")?.split(whereSeparator: \.isWhitespace) ?? []
        return Set(words.compactMap { Controller(rawValue: String($0)) })
    }

    /// This process's own group, if no other process is in it; moves this process into its subgroup `hatchfarm-daemon`.
    private static func delegated(under root: String, proc: String) -> String? {
        let lines = ControlFile.read("\(proc)/cgroup")?.split(separator: "\n") ?? []
        guard let line = lines.first(where: { $0.hasPrefix("0::/") }) else { return nil }
        let own = String(line.dropFirst(3))
        guard own != "/", !own.contains("/../") else { return nil }
        if own.hasSuffix("/\(ownName)") { return root + own.dropLast(ownName.count + 1) }
        let folder = root + own
        guard ControlFile.processes(in: folder) == [getpid()] else { return nil }
        let subgroup = "\(folder)/\(ownName)"
        guard mkdir(subgroup, 0o755) == 0 || errno == EEXIST else { return nil }
        do { try ControlFile.write("\(getpid())", to: "\(subgroup)/cgroup.procs") } catch { return nil }
        return folder
    }

    private struct Mount {
        let path: String
        let type: String
        let options: [String]
    }

    /// Parses lines `… root path options … - type source super-options`.
    private static func controlGroupMounts(proc: String) -> [Mount] {
        (ControlFile.read("\(proc)/mountinfo") ?? "").split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count >= 10, let dash = words.firstIndex(of: "-"), words.count > dash + 3 else { return nil }
            let type = words[dash + 1]
            guard type == "cgroup" || type == "cgroup2" else { return nil }
            return Mount(path: words[4], type: type, options: words[dash + 3].split(separator: ",").map(String.init))
        }
    }
}
