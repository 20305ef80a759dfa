internal import Glibc

/// Removes a folder with everything that a job may have left in it. Removes links without following them, makes folders
/// accessible, and handles any depth with two descriptors and short paths. Call only after all processes of the job
/// have ended.
func removeFolder(at path: String) throws(FileProblem) {
    let root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    if root < 0, errno == ENOENT { return }
    guard root >= 0 else { throw .last("open") }
    var folder = Descriptor(taking: root)
    var names: [FileName] = []
    while true {
        fchmod(folder.raw, 0o700)
        if let name = try nonEmptyFolder(in: folder) {
            folder = try opened(name, in: folder)
            names.append(name)
        } else if let name = names.popLast() {
            folder = try opened([CChar(46), 46, 0], in: folder)
            guard unlinkat(folder.raw, name, AT_REMOVEDIR) == 0 else { throw .last("rmdir") }
        } else {
            guard rmdir(path) == 0 || errno == ENOENT else { throw .last("rmdir") }
            return
        }
    }
}

/// Bytes, not necessarily UTF-8, with a terminating NUL.
private typealias FileName = [CChar]

private func opened(_ name: FileName, in folder: borrowing Descriptor) throws(FileProblem) -> Descriptor {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    var raw = openat(folder.raw, name, flags)
    if raw < 0, errno == EACCES, fchmodat(folder.raw, name, 0o700, 0) == 0 { raw = openat(folder.raw, name, flags) }
    guard raw >= 0 else { throw .last("open") }
    return Descriptor(taking: raw)
}

/// Removes entries until it finds a non-empty folder, and returns its name.
private func nonEmptyFolder(in folder: borrowing Descriptor) throws(FileProblem) -> FileName? {
    let copy = fcntl(folder.raw, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { throw .last("dup") }
    guard let stream = fdopendir(copy) else {
        close(copy)
        throw .last("readdir")
    }
    defer { closedir(stream) }
    rewinddir(stream)
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
        }
        if name == [46, 0] || name == [46, 46, 0] || unlinkat(folder.raw, name, 0) == 0 { continue }
        guard errno == EISDIR || errno == EPERM else { throw .last("unlink") }
        if unlinkat(folder.raw, name, AT_REMOVEDIR) == 0 { continue }
        guard errno == ENOTEMPTY || errno == EEXIST else { throw .last("rmdir") }
        return name
    }
    return nil
}
