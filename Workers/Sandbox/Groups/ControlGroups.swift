internal import Bytes
internal import Glibc

/// The control groups of one daemon's life: one that holds all its jobs to the share of the machine, and in it one for
/// each job. Their end removes it.
package final class ControlGroups: Sendable {
    let tree: ControlGroupTree
    private let name: String

    /// - Parameter life: by which a later daemon knows the groups of a dead one.
    /// - Throws: when a group can't be made or limited.
    init(in tree: ControlGroupTree, life: String, share: HostShare, world: World) throws(FileProblem) {
        self.tree = tree
        name = Self.prefix(ofLife: life) + Hex.encode(world.random(4))
        let group = ControlGroup(tree: tree, name: name)
        do {
            try group.make()
            try group.limit(share)
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

    private static func prefix(ofLife life: String) -> String {
        "\(ControlGroupTree.prefix)\(life)-"
    }

    /// The groups, jobs' before lives', that a daemon's life left behind.
    static func left(by life: String, in tree: ControlGroupTree) -> [ControlGroup] {
        let names = Set(tree.folders.flatMap { fileNames(in: $0) }).filter { $0.hasPrefix(prefix(ofLife: life)) }
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
