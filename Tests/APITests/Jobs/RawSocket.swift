import Foundation
import Glibc

struct SocketFailure: Error {
    let what: String
}

/// A connection that says what it is told to, byte for byte. Its calls block: see `offThread`.
final class RawSocket: Sendable {
    private let file: Int32

    /// What isn't answered within 15 s isn't answered.
    init(port: Int) throws {
        file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard file >= 0 else { throw SocketFailure(what: "no socket: \(errno)") }
        var patience = timeval(tv_sec: 15, tv_usec: 0)
        setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw SocketFailure(what: "no connection: \(errno)") }
    }

    deinit { close(file) }

    func say(_ text: String) { say(Array(text.utf8)) }

    /// As far as the other end listens.
    func say(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Sends until nothing was taken for a second or the other end is gone; returns how many bytes were.
    func pump(upTo limit: Int) -> Int {
        let piece = [UInt8](repeating: 0x78, count: 1 << 16)
        var (sent, idle) = (0, 0)
        while sent < limit, idle < 20 {
            let count = piece.withUnsafeBytes {
                send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count < 0, errno != EAGAIN { break }
            sent += max(0, count)
            idle = count > 0 ? 0 : idle + 1
            if count <= 0 { usleep(50_000) }
        }
        return sent
    }

    /// Nothing more will be said; what is answered can still be heard.
    func fallSilent() { _ = shutdown(file, Int32(SHUT_WR)) }

    /// Hangs up without a farewell: the other end gets a reset.
    func reset() {
        var hard = linger(l_onoff: 1, l_linger: 0)
        setsockopt(file, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
    }

    /// What comes next, at most so much; empty at the end.
    func some(_ most: Int = 65_536) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: most) { buffer, filled in
            filled = max(0, recv(file, buffer.baseAddress, most, 0))
        }
    }

    /// All that comes until the other end hangs up.
    func rest() -> RawReply {
        var bytes: [UInt8] = []
        while case let piece = some(), !piece.isEmpty { bytes += piece }
        return RawReply(bytes: bytes)
    }
}

/// One answer as it came, the last of its connection.
struct RawReply: Sendable {
    let bytes: [UInt8]

    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// 0 when there was none.
    var status: Int { text.hasPrefix("HTTP/1.1 ") ? Int(text.dropFirst(9).prefix(3)) ?? 0 : 0 }
    /// How many answers came one behind the other.
    var count: Int { text.ranges(of: "HTTP/1.1 ").count }

    var body: String { text.firstRange(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? "" }

    subscript(_ header: String) -> String? {
        for line in text.split(separator: "\r\n", omittingEmptySubsequences: false).dropFirst() {
            if line.isEmpty { return nil }
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == header.lowercased() {
                return String(parts[1].drop { $0 == " " })
            }
        }
        return nil
    }
}

/// Blocks a thread of its own, so that the server under test keeps the ones it needs.
func offThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}
