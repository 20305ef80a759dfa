internal import Bytes
internal import Glibc

/// All files of a job, below one folder. Those that are there already are left as they are, so that the command may be
/// given again after a break; others of their names are replaced only by force.
struct FetchAll {
    let client: Client
    let job: String
    /// Where the files' paths begin; made when it isn't there.
    let folder: String
    /// As `FetchTarget` has it.
    let isForced: Bool

    func run() async throws {
        let files = try await client.get("\(JobText.path(job))/artifacts")["artifacts"]?.array ?? []
        var kept = 0
        for file in files {
            // Nothing that a server says may lead out of the folder.
            guard let path = file["path"]?.string, path.isJobPath, let hash = file["sha256"]?.string else {
                throw Failure.unexpected("the server lists a file whose path is not one below a folder")
            }
            let target = folder == "." ? path : "\(folder)/\(path)"
            if Self.holds(target, hash) {
                kept += 1
                continue
            }
            let place = try FetchTarget(file: target, isForced: isForced)
            // The names are the job's and its machine's: they may be those of anything here.
            if !isForced, case .file(_, old: .some) = place {
                throw Failure.invalid("\(Output.sanitized(target)) is there with other content; --force replaces it")
            }
            let bytes = try await client.download(
                "\(JobText.path(job))/artifacts/\(Client.escape(path, keepingSlashes: true))")
            if let slash = target.lastIndex(of: "/") { try Files.makeFolder(String(target[..<slash])) }
            try place.write(bytes)
            Output.line("\(Output.sanitized(target)): \(Text.size(bytes.count))")
        }
        if files.isEmpty { Output.line("the job has no artifacts") }
        if kept > 0 { Output.line("\(kept) of \(files.count) were there already") }
    }

    /// Whether the file has the content with this hash. What is no plain file is read for no longer than one may be.
    private static func holds(_ path: String, _ hash: String) -> Bool {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var hasher = SHA256()
        var left = Client.fileLimit
        while left >= 0 {
            var count = 0
            let piece = [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, filled in
                count = Glibc.read(file, buffer.baseAddress, buffer.count)
                filled = max(0, count)
            }
            guard count > 0 else { return count == 0 && Hex.encode(hasher.finish()) == hash }
            hasher.update(piece)
            left -= count
        }
        return false
    }
}
