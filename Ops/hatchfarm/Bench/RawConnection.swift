internal import Glibc

/// A keep-alive HTTP/1.1 connection on a blocking socket. Minimal overhead, as the load shares its cores with the
/// server under test. Used by one thread at a time.
final class RawConnection: @unchecked Sendable {
    private let socket: Int32
    private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

    /// The body is valid until the next exchange.
    struct Answer {
        let status: Int
        let body: UnsafeRawBufferPointer

        var text: String { String(decoding: body.prefix(400), as: UTF8.self) }
    }

    init(host: String, port: Int) throws(Failure) {
        socket = try Self.connect(host, port)
    }

    deinit {
        close(socket)
        buffer.deallocate()
    }

    /// Sends a request, and reads the complete response.
    func exchange(_ request: [UInt8]) throws(Failure) -> Answer {
        try send(request)
        var filled = 0
        var total: Int?
        var bodyStart = 0
        while filled < total ?? Int.max {
            if filled == buffer.count { grow() }
            let count = recv(socket, buffer.baseAddress?.advanced(by: filled), buffer.count - filled, 0)
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                throw .unreachable("the server closed the connection, or did not respond for a minute")
            }
            filled += count
            guard total == nil, let start = headEnd(filled) else { continue }
            bodyStart = start
            total = start + (try contentLength(upTo: start))
        }
        return Answer(status: status(), body: UnsafeRawBufferPointer(rebasing: buffer[bodyStart..<(total ?? filled)]))
    }

    private func send(_ request: [UInt8]) throws(Failure) {
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno != EINTR {
                throw .unreachable("the server closed the connection")
            }
        }
    }

    private func grow() {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
        buffer.deallocate()
        buffer = larger
    }

    private func headEnd(_ filled: Int) -> Int? {
        var scanner = ByteScanner(UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
        return scanner.skip(past: "\r\n\r\n")
    }

    /// `HTTP/1.1 201 Created`
    private func status() -> Int {
        buffer[9..<12].reduce(0) { $0 * 10 + Int($1) - 48 }
    }

    private func contentLength(upTo end: Int) throws(Failure) -> Int {
        var line = 0
        while line < end {
            var next = line
            while next < end, buffer[next] != UInt8(ascii: "\n") { next += 1 }
            if isContentLength(line) {
                return buffer[(line + 15)..<next].reduce(0) { (48...57).contains($1) ? $0 * 10 + Int($1) - 48 : $0 }
            }
            line = next + 1
        }
        if status() == 204 { return 0 }
        throw .unexpected("a response without Content-Length")
    }

    private func isContentLength(_ line: Int) -> Bool {
        guard line + 15 < buffer.count, buffer[line + 14] == UInt8(ascii: ":") else { return false }
        return buffer[line] | 0x20 == UInt8(ascii: "c") && buffer[line + 7] == UInt8(ascii: "-")
            && buffer[line + 8] | 0x20 == UInt8(ascii: "l")
    }

    private static func connect(_ host: String, _ port: Int) throws(Failure) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &found) == 0, let first = found else {
            throw .unreachable("host not found: \(host)")
        }
        defer { freeaddrinfo(found) }
        for address in sequence(first: first, next: { $0.pointee.ai_next }) {
            let info = address.pointee
            let socket = Glibc.socket(info.ai_family, info.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), info.ai_protocol)
            guard socket >= 0 else { continue }
            if Glibc.connect(socket, info.ai_addr, info.ai_addrlen) == 0 {
                var one: Int32 = 1
                setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
                var minute = timeval(tv_sec: 60, tv_usec: 0)
                setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &minute, socklen_t(MemoryLayout<timeval>.size))
                return socket
            }
            close(socket)
        }
        throw .unreachable("cannot connect to \(host):\(port)")
    }
}

/// Finds the few values that a load needs in a response, without parsing it.
struct ByteScanner {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Moves past the next occurrence of `mark`, and returns the new position; nil, without moving, if there is none.
    mutating func skip(past mark: StaticString) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let size = mark.utf8CodeUnitCount
        var from = at
        while from + size <= bytes.count,
            let found = memchr(base + from, Int32(mark.utf8Start.pointee), bytes.count - from - size + 1)
        {
            let place = base.distance(to: UnsafeRawPointer(found))
            if memcmp(found, mark.utf8Start, size) == 0 {
                at = place + size
                return at
            }
            from = place + 1
        }
        return nil
    }

    /// The text that follows the next occurrence of `mark`, up to the next quote.
    mutating func text(after mark: StaticString) -> [UInt8]? {
        guard let start = skip(past: mark), let end = skip(past: "\"") else { return nil }
        return Array(bytes[start..<end - 1])
    }

    /// The number of further occurrences of `mark`.
    mutating func count(_ mark: StaticString) -> Int {
        var count = 0
        while skip(past: mark) != nil { count += 1 }
        return count
    }
}
