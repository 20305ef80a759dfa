internal import Bytes
internal import Glibc

/// The control groups of one daemon instance: one that limits all its jobs to the share of the machine, and in it one
/// for each job. Removed by deinit.
package final class ControlGroups: Sendable {
    let tree: ControlGroupTree
    private let name: String
    private let disk: DiskLimit?

    /// - Parameters:
    ///   - instance: identifies the groups of a dead daemon for later ones.
    ///   - disk: what the share's limit of a disk is for; `holdsDiskLimit` tells whether it is set.
    /// - Throws: when a group can't be created or limited.
    init(
        in tree: ControlGroupTree, instance: String, share: HostShare, disk: DiskLimit? = nil, world: World
    ) throws(FileProblem) {
        self.tree = tree
        self.disk = disk
        name = Self.prefix(of: instance) + Hex.encode(world.random(4))
        let group = ControlGroup(tree: tree, name: name)
        do {
            try group.make()
            try group.limit(share)
            if let disk { try? group.limit(disk) }
            if case .unified(_, let controllers) = tree {
                let words = controllers.map { "+\($0.rawValue)" }.sorted().joined(separator: " ")
                for folder in group.folders { try ControlFile.write(words, to: "\(folder)/cgroup.subtree_control") }
            }
        } catch {
            group.removeFolders()
            throw error
        }
    }

    deinit {
        ControlGroup(tree: tree, name: name).removeFolders()
    }

    var holdsDiskLimit: Bool {
        disk.map { ControlGroup(tree: tree, name: name).holds($0) } ?? false
    }

    /// A new group for one job.
    func makeGroup(_ job: String, limits: SandboxLimits) throws(FileProblem) -> ControlGroup {
        let group = ControlGroup(tree: tree, name: "\(name)/\(job)")
        do {
            try group.make()
            try group.limit(limits)
        } catch {
            group.removeFolders()
            throw error
        }
        return group
    }

    private static func prefix(of instance: String) -> String {
        "\(ControlGroupTree.prefix)\(instance)-"
    }

    /// The groups that a dead daemon instance left behind: those of its jobs first, then its own.
    static func leftovers(of instance: String, in tree: ControlGroupTree) -> [ControlGroup] {
        let names = Set(tree.folders.flatMap { fileNames(in: $0) }).filter { $0.hasPrefix(prefix(of: instance)) }
        return names.sorted().flatMap { name in
            let jobs = Set(
                tree.folders.flatMap { folder in
                    fileNames(in: "\(folder)/\(name)").filter { isFolder("\(folder)/\(name)/\($0)") }
                })
            return (jobs.sorted().map { "\(name)/\($0)" } + [name]).map { ControlGroup(tree: tree, name: $0) }
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
