/// Files that are to lie together in a job's work folder: whether each can have its place, in whatever order they are
/// laid out. By bytes, as the kernel names files. The same rule for who accepts a job and for who runs it.
package struct FileLayout: Sendable {
    /// Why a file has no place.
    package enum Clash: Error, Equatable, Sendable {
        /// It names nothing below the folder: see `String.isJobPath`.
        case invalid
        case namedTwice
        /// It is a folder on the way to this other file.
        case isFolder(of: String)
        /// This other file is what it needs as a folder.
        case isBelow(String)

        /// What is said of the path, after its name.
        package var rule: String {
            switch self {
            case .invalid: String.jobPathRule
            case .namedTwice: "is named twice"
            case .isFolder(let other): "can't be a file and the folder of \"\(other)\""
            case .isBelow(let other): "can't lie below \"\(other)\", which is a file"
            }
        }
    }

    private var files: Set<ExactText> = []
    /// Each folder on the way to a file, with the first such file.
    private var folders: [ExactText: String] = [:]

    package init() {}

    /// Gives a file its place. It has none when this throws, and the others keep theirs.
    package mutating func add(_ path: String) throws(Clash) {
        guard path.isJobPath, let parts = path.pathParts else { throw .invalid }
        guard !files.contains(ExactText(path)) else { throw .namedTwice }
        if let other = folders[ExactText(path)] { throw .isFolder(of: other) }
        var parents: [ExactText] = []
        var parent = ""
        for part in parts.dropLast() {
            parent = parent.isEmpty ? part : "\(parent)/\(part)"
            guard !files.contains(ExactText(parent)) else { throw .isBelow(parent) }
            parents.append(ExactText(parent))
        }
        files.insert(ExactText(path))
        for parent in parents where folders[parent] == nil { folders[parent] = path }
    }
}
