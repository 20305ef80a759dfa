internal import Glibc

/// A job's work folder. While the job runs its content is untrusted; nothing here follows a link.
package struct WorkFolder: Sendable {
    package let path: String
    let user: HostUser

    /// Places a file before the job starts, and creates its parent folders.
    /// - Throws: `notARegularFile` when a parent is a file; `system` when the path exists.
    package func place(_ bytes: [UInt8], at path: RelativePath) throws(FileProblem) {
        try inFolder(of: path, create: true) { folder throws(FileProblem) in
            let file = try Descriptor(path.name, in: folder, O_WRONLY | O_CREAT | O_EXCL)
            try file.write(bytes)
            try changeOwner(of: file)
        }
    }

    /// Reads a file that the job left: a regular file, owned by the job's user, at most `limit` bytes. Call only after
    /// all processes of the job have ended.
    package func collect(_ path: RelativePath, limit: Int) throws(FileProblem) -> [UInt8] {
        try inFolder(of: path, create: false) { folder throws(FileProblem) in
            // Without O_NONBLOCK opening a pipe would wait for a writer forever.
            let file = try Descriptor(path.name, in: folder, O_RDONLY | O_NONBLOCK)
            let status = try file.status()
            guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == user.actual else { throw .notARegularFile }
            return try file.read(limit: limit)
        }
    }

    /// Removes a file, link or pipe, if there is one and no link leads to it. Call only while no process of the job
    /// runs.
    package func remove(_ path: RelativePath) throws(FileProblem) {
        do {
            try inFolder(of: path, create: false) { folder throws(FileProblem) in
                guard unlinkat(folder.raw, path.name, 0) == 0 || errno == ENOENT else { throw .last("unlink") }
            }
        } catch .missing {}
    }

    /// Whether it is larger or deeper than that, for the job's owner; `nil` if it isn't. Call only while no process of
    /// the job runs.
    package func excess(bytes: Int64, files: Int) throws(FileProblem) -> String? {
        var usage = try FolderUsage(of: path)
        var isComplete = false
        while !isComplete {
            isComplete = !usage.read(1_024)
            if usage.bytes > bytes { return "more than \(bytes >> 20) MiB" }
            if usage.files > files { return "more than \(files) files and folders" }
        }
        return usage.isTooDeep ? "folders deeper than \(FolderUsage.maxDepth) levels" : nil
    }

    /// Opens the parent folder of `path` component by component.
    private func inFolder<T>(
        of path: RelativePath, create: Bool, _ body: (borrowing Descriptor) throws(FileProblem) -> T
    ) throws(FileProblem) -> T {
        var folder = try Descriptor(self.path, O_RDONLY | O_DIRECTORY)
        for name in path.folders {
            var isNew = false
            if create {
                isNew = mkdirat(folder.raw, name, 0o700) == 0
                guard isNew || errno == EEXIST else { throw .last("create a folder") }
            }
            let next = try Descriptor(name, in: folder, O_RDONLY | O_DIRECTORY)
            if isNew { try changeOwner(of: next) }
            folder = next
        }
        return try body(folder)
    }

    private func changeOwner(of file: borrowing Descriptor) throws(FileProblem) {
        guard let id = user.id else { return }
        guard fchown(file.raw, id, id) == 0 else { throw .last("chown") }
    }
}
