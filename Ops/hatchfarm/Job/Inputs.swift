internal import Bytes
internal import Synchronization

/// Prepares a job's input files: small ones are embedded in the request, others are uploaded first.
struct Inputs: Sendable {
    /// The limits for embedding, in bytes: of one file, and of all together.
    private static let maxInlineFile = 32 << 10
    private static let maxInlineTotal = 256 << 10
    private static let maxFile = 64 << 20

    private let client: Client

    init(_ client: Client) {
        self.client = client
    }

    /// From arguments `FILE` or `FILE:PATH`: what names a file as it is, colons and all, is that file.
    func prepare(_ arguments: [String]) async throws -> [JSON] {
        var inputs: [JSON] = []
        var inlined = 0
        for argument in arguments {
            let (file, path) = try Self.split(argument)
            let bytes = try Files.read(file, limit: Self.maxFile)
            if bytes.count <= Self.maxInlineFile, inlined + bytes.count <= Self.maxInlineTotal {
                inlined += bytes.count
                inputs.append(["path": .string(path), "content_base64": .string(Base64.encode(bytes))])
            } else {
                inputs.append(["path": .string(path), "artifact": .string(try await upload(bytes, name: path))])
            }
        }
        return inputs
    }

    /// From arguments `JOB/PATH` or `JOB/PATH:NAME`: files that other jobs bring forth.
    static func outputs(_ arguments: [String]) throws(Failure) -> [JSON] {
        var inputs: [JSON] = []
        for argument in arguments {
            let (source, path) = try split(argument, of: "--input-from", "JOB/PATH")
            inputs.append(["path": .string(path), "artifact": .string(source)])
        }
        return inputs
    }

    private func upload(_ bytes: [UInt8], name: String) async throws -> String {
        let packed = try Zstd.compress(bytes)
        // What squeezes too well the server takes for a bomb: it goes as it is.
        let isSmaller = packed.count < bytes.count && Zstd.allows(bytes.count, from: packed.count)
        let sent = isSmaller ? packed : bytes
        let bar = UploadBar(name: name, size: bytes.count, sent: sent.count)
        defer { bar.end() }
        let reply = try await client.upload(
            sent, to: "/api/v1/artifacts",
            headers: [("X-Artifact-Name", Client.escape(name))] + (isSmaller ? [("Content-Encoding", "zstd")] : []),
            progress: bar.update)
        guard let artifact = reply["artifact"]?.string else {
            throw Failure.unexpected("the response to the upload names no artifact")
        }
        return artifact
    }

    private static func split(
        _ argument: String, of option: String = "--input", _ form: String = "FILE"
    ) throws(Failure) -> (file: String, path: String) {
        guard let colon = argument.lastIndex(of: ":"), !Files.exists(argument) else {
            return (argument, Files.name(argument))
        }
        let path = String(argument[argument.index(after: colon)...])
        let file = String(argument[..<colon])
        guard !file.isEmpty, !path.isEmpty else {
            throw .invalid("\(option) takes \(form) or \(form):NAME, not \(argument)")
        }
        return (file, path)
    }
}

/// An upload's progress: a bar on a terminal, otherwise one line at its beginning. On standard error, as standard
/// output is for the job's id.
private final class UploadBar: Sendable {
    private let head: String
    private let sent: Int
    private let status = Mutex(StatusLine(toErrors: true))

    /// - Parameter sent: bytes on the wire, after compression.
    init(name: String, size: Int, sent: Int) {
        head = "uploading \(Text.sanitized(name)), \(Text.size(size))"
        self.sent = max(1, sent)
        update(0)
    }

    func update(_ bytes: Int) {
        status.withLock { status in
            guard status.isTerminal else { return status.update(head) }
            let percent = Double(min(bytes, sent)) * 100 / Double(sent)
            status.update("\(head)  \(Text.bar(percent, columns: 20))  \(Int(percent)) %")
        }
    }

    func end() {
        status.withLock { $0.end() }
    }
}
