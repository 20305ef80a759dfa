internal import Glibc

/// The folder that a job sees as its own. While a job lives its content is the job's; nothing here follows a link.
package struct WorkFolder: Sendable {
    package let path: String
    let user: HostUser

    /// Places a file before the job starts, with the folders above it.
    /// - Throws: `notAnOwnFile` when a file stands where a folder must be; `system` when the path is taken.
    package func place(_ bytes: [UInt8], at path: RelativePath) throws(FileProblem) {
        try inFolder(of: path, create: true) { folder throws(FileProblem) in
            let file = try Descriptor(path.name, in: folder, O_WRONLY | O_CREAT | O_EXCL)
            try file.write(bytes)
            try give(file)
        }
    }

    /// A file that the job left: regular, the job's own, at most `limit` bytes. Only after all of the job has ended.
    package func collect(_ path: RelativePath, limit: Int) throws(FileProblem) -> [UInt8] {
        try inFolder(of: path, create: false) { folder throws(FileProblem) in
            // Without O_NONBLOCK a pipe would wait for a writer for ever.
            let file = try Descriptor(path.name, in: folder, O_RDONLY | O_NONBLOCK)
            let status = try file.status()
            guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == user.actual else { throw .notAnOwnFile }
            return try file.read(limit: limit)
        }
    }

    /// Hands the folder of `path` to `body`, opened step by step.
    private func inFolder<T>(
        of path: RelativePath, create: Bool, _ body: (borrowing Descriptor) throws(FileProblem) -> T
    ) throws(FileProblem) -> T {
        var folder = try Descriptor(self.path, O_RDONLY | O_DIRECTORY)
        for name in path.folders {
            let isNew = create && mkdirat(folder.raw, name, 0o700) == 0
            let next = try Descriptor(name, in: folder, O_RDONLY | O_DIRECTORY)
            if isNew { try give(next) }
            folder = next
        }
        return try body(folder)
    }

    private func give(_ file: borrowing Descriptor) throws(FileProblem) {
        guard let id = user.id else { return }
        guard fchown(file.raw, id, id) == 0 else { throw .last("chown") }
    }
}
