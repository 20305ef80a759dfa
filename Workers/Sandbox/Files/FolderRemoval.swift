internal import Glibc

/// Removes a folder with all that a job may have left in it: links are removed, never followed; folders without
/// permissions are opened up; a tree of any depth needs two descriptors and no long path.
/// Only when no process of the job is left.
func removeFolder(at path: String) throws(FileProblem) {
    let root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    if root < 0, errno == ENOENT { return }
    guard root >= 0 else { throw .last("open") }
    var folder = Descriptor(taking: root)
    var names: [FileName] = []
    while true {
        fchmod(folder.raw, 0o700)
        if let name = try filledFolder(in: folder) {
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

/// Bytes, which need not be UTF-8, and a zero.
private typealias FileName = [CChar]

private func opened(_ name: FileName, in folder: borrowing Descriptor) throws(FileProblem) -> Descriptor {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    var raw = openat(folder.raw, name, flags)
    if raw < 0, errno == EACCES, fchmodat(folder.raw, name, 0o700, 0) == 0 { raw = openat(folder.raw, name, flags) }
    guard raw >= 0 else { throw .last("open") }
    return Descriptor(taking: raw)
}

/// Removes everything but filled folders, and returns the name of the first of those.
private func filledFolder(in folder: borrowing Descriptor) throws(FileProblem) -> FileName? {
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
