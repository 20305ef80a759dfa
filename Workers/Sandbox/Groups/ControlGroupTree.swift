internal import Glibc

/// Where on this machine control groups can be made: one tree for all controllers (version 2), or one for each
/// (version 1). Kernel's documentation: admin-guide/cgroup-v2.rst and cgroup-v1/.
enum ControlGroupTree: Equatable, Sendable {
    enum Controller: String, CaseIterable, Sendable {
        case memory, pids, cpu
    }

    /// The folder under which groups are made, and what it can limit.
    case unified(folder: String, controllers: Set<Controller>)
    case separate(folders: [Controller: String])

    static let prefix = "hatchfarm-"
    /// The daemon's own place beside its jobs: a group that hands on controllers may hold no processes itself.
    private static let ownName = "hatchfarm-daemon"

    var controllers: Set<Controller> {
        switch self {
        case .unified(_, let controllers): controllers
        case .separate(let folders): Set(folders.keys)
        }
    }

    /// The folders in which a group by one name is to be made.
    var folders: [String] {
        switch self {
        case .unified(let folder, _): [folder]
        // The same order always: locks and messages repeat themselves.
        case .separate(let folders): Controller.allCases.compactMap { folders[$0] }
        }
    }

    /// What this process may use. Version 1 is root's alone. Version 2: the group that was delegated to this process
    /// (`Delegate=yes` of systemd), where it moves itself into a group of its own; for root, else the whole tree.
    /// - Parameter proc: stands for `/proc/self`.
    static func find(proc: String = "/proc/self") -> ControlGroupTree? {
        let mounts = controlGroupMounts(proc: proc)
        var folders: [Controller: String] = [:]
        for mount in mounts where mount.type == "cgroup" && access(mount.path, W_OK) == 0 {
            for controller in Controller.allCases where mount.options.contains(controller.rawValue) {
                folders[controller] = mount.path
            }
        }
        if !folders.isEmpty { return .separate(folders: folders) }
        guard let root = mounts.first(where: { $0.type == "cgroup2" })?.path else { return nil }
        for folder in [delegated(under: root, proc: proc), root].compactMap(\.self) {
            let controllers = handOn(in: folder)
            if !controllers.isEmpty { return .unified(folder: folder, controllers: controllers) }
        }
        return nil
    }

    /// Lets groups in `folder` be limited by what it has itself.
    /// - Returns: what worked; nothing when this process may not, or others live in the folder.
    private static func handOn(in folder: String) -> Set<Controller> {
        guard access("\(folder)/cgroup.procs", W_OK) == 0 else { return [] }
        for controller in Controller.allCases {
            try? ControlFile.write("+\(controller.rawValue)", to: "\(folder)/cgroup.subtree_control")
        }
        let words = ControlFile.read("\(folder)/cgroup.subtree_control")?.split(whereSeparator: \.isWhitespace) ?? []
        return Set(words.compactMap { Controller(rawValue: String($0)) })
    }

    /// This process's own group, when it is alone there and may move; from then on it is in `hatchfarm-daemon` below.
    private static func delegated(under root: String, proc: String) -> String? {
        let lines = ControlFile.read("\(proc)/cgroup")?.split(separator: "\n") ?? []
        guard let line = lines.first(where: { $0.hasPrefix("0::/") }) else { return nil }
        let own = String(line.dropFirst(3))
        guard own != "/", !own.contains("/../") else { return nil }
        if own.hasSuffix("/\(ownName)") { return root + own.dropLast(ownName.count + 1) }
        let folder = root + own
        guard ControlFile.processes(in: folder) == [getpid()] else { return nil }
        let place = "\(folder)/\(ownName)"
        guard mkdir(place, 0o755) == 0 || errno == EEXIST else { return nil }
        do { try ControlFile.write("\(getpid())", to: "\(place)/cgroup.procs") } catch { return nil }
        return folder
    }

    private struct Mount {
        let path: String
        let type: String
        let options: [String]
    }

    /// From lines `… root path options … - type source super-options`.
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
