internal import Glibc

/// A job's output in a file that somebody else writes, read as it grows.
package struct OutputFile: Sendable {
    private let path: String
    private let limit: Int
    private var capture: OutputCapture
    private var offset = 0

    /// Bytes that one round reads at most: a flood is read slowly, so that it costs the job and not the machine.
    private static let roundBytes = 4 << 20

    init(_ path: String, _ capture: OutputCapture, limit: Int) {
        self.path = path
        self.capture = capture
        self.limit = limit
    }

    /// What has come since the last call.
    package mutating func read() -> [OutputEvent] {
        read(atMost: Self.roundBytes)
    }

    /// The rest, when nobody writes any more.
    package mutating func finish() -> [OutputEvent] {
        read(atMost: limit) + capture.finish()
    }

    /// Whether the program was reached: before it, what came is the sandbox's own complaint.
    package var hasStarted: Bool { capture.hasStarted }
    package var complaint: String { capture.complaint }

    package func end(_ cause: Sandbox.End.Cause, durationMilliseconds: Int64) -> Sandbox.End {
        Sandbox.End(
            cause: cause, output: capture.output, isOutputTruncated: capture.isTruncated || offset >= limit,
            durationMilliseconds: durationMilliseconds)
    }

    private mutating func read(atMost count: Int) -> [OutputEvent] {
        // Opened anew each time: that is when a network file system looks at what others have written.
        guard let file = try? Descriptor(path, O_RDONLY | O_NONBLOCK), let status = try? file.status(),
            status.st_mode & S_IFMT == S_IFREG
        else { return [] }
        var events: [OutputEvent] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        let end = min(limit, offset + count)
        while offset < end {
            let got = piece.withUnsafeMutableBytes { Glibc.pread(file.raw, $0.baseAddress, $0.count, off_t(offset)) }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { break }
            offset += got
            events += piece[..<got].withUnsafeBytes { capture.take($0) }
        }
        return events
    }
}
