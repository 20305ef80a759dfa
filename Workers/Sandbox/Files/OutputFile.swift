internal import Glibc

/// Reads a job's output from a file that another process is writing.
package struct OutputFile: Sendable {
    private let path: String
    private let limit: Int
    private var capture: OutputCapture
    private var offset = 0

    /// The most bytes that a call reads: excessive output slows down the job and not the machine.
    private static let maxReadBytes = 4 << 20

    init(_ path: String, _ capture: OutputCapture, limit: Int) {
        self.path = path
        self.capture = capture
        self.limit = limit
    }

    /// Reads what was written since the last call.
    package mutating func read() -> [OutputEvent] {
        read(atMost: Self.maxReadBytes)
    }

    /// Reads the rest, after the writer has ended.
    package mutating func finish() -> [OutputEvent] {
        read(atMost: limit) + capture.finish()
    }

    /// Whether the start script was reached; earlier output comes from the sandbox itself.
    package var hasStarted: Bool { capture.hasStarted }
    package var sandboxErrors: String { capture.sandboxErrors }

    package func end(_ cause: Sandbox.End.Cause, durationMilliseconds: Int64) -> Sandbox.End {
        Sandbox.End(
            cause: cause, output: capture.output, isOutputTruncated: capture.isTruncated || offset >= limit,
            durationMilliseconds: durationMilliseconds)
    }

    private mutating func read(atMost count: Int) -> [OutputEvent] {
        // Reopened each time: network file systems refresh on open.
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
