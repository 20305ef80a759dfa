// As the compiler finds `stat` there when a file of the module imports Foundation.
internal import CoreFoundation
internal import Glibc

/// Where `job fetch` puts a file. Looked at before anything is fetched.
enum FetchTarget {
    case standardOutput
    /// A file, or a path that is free.
    case file(String, old: stat?)
    /// A device or a pipe, which is written into.
    case stream(String)

    /// - Parameters:
    ///   - path: `-`, a file, or a folder; nil is `name`, in this folder.
    ///   - isForced: devices and pipes are written into, and links followed.
    /// Throws `.invalid` for what is written to only when it is forced, `.unwritable` for what can't be.
    init(_ path: String?, name: String, isForced: Bool) throws(Failure) {
        if path == "-" {
            self = .standardOutput
            return
        }
        var target = path ?? name
        if path != nil, Files.isDirectory(target) { target += target.hasSuffix("/") ? name : "/\(name)" }
        try self.init(file: target, isForced: isForced)
    }

    /// A file that is no folder.
    init(file path: String, isForced: Bool) throws(Failure) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT, !path.hasSuffix("/") else { throw Self.problem(path, errno) }
            self = .file(path, old: nil)
            return
        }
        let refusal = { (kind: String, force: String) in
            Failure.invalid("\(path) is \(kind); --force \(force), and --to - writes to standard output")
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: self = .file(path, old: status)
        case S_IFDIR: throw .invalid("\(path) is a folder; name a file with --to")
        case S_IFLNK:
            guard isForced else { throw refusal("a link", "replaces the file that it leads to") }
            guard let real = realpath(path, nil) else { throw Self.problem(path, errno) }
            defer { free(real) }
            try self.init(file: String(cString: real), isForced: true)
        case S_IFIFO, S_IFCHR, S_IFBLK:
            let kind = status.st_mode & S_IFMT == S_IFIFO ? "a pipe" : "a device"
            guard isForced else { throw refusal(kind, "writes into it") }
            self = .stream(path)
        default: throw .invalid("\(path) is a socket; name a file with --to")
        }
    }

    private static func problem(_ path: String, _ code: Int32) -> Failure {
        .unwritable("cannot write \(path): \(Files.reason(code))")
    }

    /// Ends the process if standard output can't be written; throws `.unwritable` if another target can't.
    func write(_ bytes: [UInt8]) throws(Failure) {
        switch self {
        case .standardOutput: return Output.bytes(bytes)
        case .file(let path, let old):
            let file = old.map { FileReplacement(path, keeping: $0) } ?? FileReplacement(path, mode: 0o666)
            if let code = file.write(bytes) { throw Self.problem(path, code) }
        case .stream(let path):
            // A pipe is opened when somebody reads it.
            let file = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
            guard file >= 0 else { throw Self.problem(path, errno) }
            var code = Files.writeAll(bytes, to: file)
            if Glibc.close(file) != 0 { code = code ?? errno }
            if let code { throw Self.problem(path, code) }
        }
    }

    /// nil for standard output, which holds the file alone.
    var path: String? {
        switch self {
        case .standardOutput: nil
        case .file(let path, _), .stream(let path): path
        }
    }
}
