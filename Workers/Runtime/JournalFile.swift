internal import Glibc

/// Why a journal can't be written.
package struct JournalProblem: Error, Sendable {
    package let message: String
}

/// A journal's file, locked as long as its daemon runs, and readable only by its user: it contains claim tokens.
struct JournalFile: ~Copyable {
    static let suffix = ".journal"

    let path: String
    private var descriptor: CInt

    init(creating path: String) throws(JournalProblem) {
        self.path = path
        descriptor = try Self.lockedFile(path)
    }

    deinit {
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// Releases the lock; nothing can be written afterwards.
    mutating func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    private static func lockedFile(_ path: String) throws(JournalProblem) -> CInt {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .last(path) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let problem = JournalProblem.last(path)
            Glibc.close(file)
            throw problem
        }
        return file
    }

    func write(_ bytes: [UInt8]) throws(JournalProblem) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .last(path) }
            rest = rest.dropFirst(count)
        }
    }

    /// Atomic: the old content stays until the new one is complete.
    mutating func replace(with bytes: [UInt8]) throws(JournalProblem) {
        let fresh = "\(path).new"
        unlink(fresh)
        let old = descriptor
        let new = try Self.lockedFile(fresh)
        descriptor = new
        do throws(JournalProblem) {
            try write(bytes)
            guard rename(fresh, path) == 0 else { throw JournalProblem.last(path) }
        } catch {
            descriptor = old
            Glibc.close(new)
            unlink(fresh)
            throw error
        }
        Glibc.close(old)
    }

    func remove() {
        unlink(path)
    }

    static func makeFolder(_ path: String) throws(JournalProblem) {
        var parent = ""
        for part in path.split(separator: "/").dropLast() where path.hasPrefix("/") {
            parent += "/\(part)"
            mkdir(parent, 0o711)
        }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last(path) }
    }

    /// The files of dead daemons, sorted by name.
    static func orphans(in folder: String, excluding own: String) -> [OrphanedJournal] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.filter { $0.hasSuffix(suffix) }.sorted().map { "\(folder)/\($0)" }
            .filter { $0 != own }.compactMap(OrphanedJournal.init)
    }
}

/// The file of a dead daemon; locked, so that no other daemon takes it too.
final class OrphanedJournal: Sendable {
    let bytes: [UInt8]
    private let path: String
    private let descriptor: CInt

    init?(_ path: String) {
        let file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return nil }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(file)
            return nil
        }
        self.path = path
        descriptor = file
        bytes = Self.contents(of: file)
    }

    deinit {
        Glibc.close(descriptor)
    }

    func remove() {
        unlink(path)
    }

    private static func contents(of file: CInt) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = piece.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: piece[..<count])
        }
    }
}

extension JournalProblem {
    fileprivate static func last(_ path: String) -> JournalProblem {
        JournalProblem(message: "\(path): \(String(cString: strerror(errno)))")
    }
}
