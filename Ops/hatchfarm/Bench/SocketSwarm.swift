internal import Glibc

/// Many WebSockets of devices on one thread, by poll. Minimal overhead, as the load shares its cores with the server
/// under test.
final class SocketSwarm {
    /// A device, and its number among all of the measurement.
    struct Device: Sendable {
        let number: Int
        let id: String
        let secret: String
    }

    private enum Stage { case connecting, upgrading, open, closed }

    private struct Connection {
        let device: Device
        var stage = Stage.closed
        var buffer: [UInt8] = []
        var nextStatus: UInt64 = 0
    }

    private let port: Int
    private var connections: [Connection]
    /// Each connection's socket, and what is waited for.
    private var sockets: [pollfd]
    private var space = [UInt8](repeating: 0, count: 64 << 10)
    private let status = Frames.text(
        #"{"type":"status","data":{"status":"online","metrics":{"cpu":1,"memory":2,"uptime":3}}}"#)

    /// How often each device says that it lives, in nanoseconds.
    static let statusInterval: UInt64 = 30_000_000_000

    init(_ devices: [Device], port: Int) {
        self.port = port
        connections = devices.map { Connection(device: $0) }
        sockets = devices.map { _ in pollfd(fd: -1, events: 0, revents: 0) }
    }

    deinit { closeAll() }

    func closeAll() {
        for index in connections.indices { drop(index) }
    }

    /// Connects all at once; returns when the last one is open.
    func connectAll(within seconds: UInt64) throws(Failure) {
        let deadline = Ticks.now() + seconds * 1_000_000_000
        for index in connections.indices { try connect(index) }
        while connections.contains(where: { $0.stage != .open }) {
            guard Ticks.now() < deadline else { throw .unexpected("not all sockets were open after \(seconds) s") }
            try look(milliseconds: 100) { _, _ in nil }
        }
        // Spread over the interval, as those of devices are.
        let start = Ticks.now()
        for index in connections.indices {
            let share = Self.statusInterval / UInt64(max(1, connections.count))
            connections[index].nextStatus = start + UInt64(index) * share
        }
    }

    /// Says that the devices live, and hands over the commands that arrive: the device's number, and the frame.
    func run(until end: UInt64, _ onCommand: (Int, UnsafeRawBufferPointer) -> [UInt8]?) throws(Failure) {
        var next = 0
        while Ticks.now() < end {
            try look(milliseconds: 5) { number, frame in onCommand(number, frame) }
            // A part of them at a time: looking at all would cost more than it tells.
            for _ in 0..<min(64, connections.count) {
                next = (next + 1) % max(1, connections.count)
                guard connections[next].stage == .open, Ticks.now() >= connections[next].nextStatus else { continue }
                connections[next].nextStatus += Self.statusInterval
                try send(status, to: next)
            }
        }
    }

    // MARK: One connection

    private func connect(_ index: Int) throws(Failure) {
        let socket = Glibc.socket(
            AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard socket >= 0 else { throw .unexpected("no descriptors left: raise `ulimit -n`") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port)).bigEndian
        address.sin_addr.s_addr = inet_addr(ServerUnderTest.host)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 || errno == EINPROGRESS else { throw .unreachable("cannot connect to the server") }
        sockets[index] = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        connections[index].stage = .connecting
        connections[index].buffer = []
    }

    private func drop(_ index: Int) {
        guard sockets[index].fd >= 0 else { return }
        close(sockets[index].fd)
        sockets[index].fd = -1
        connections[index].stage = .closed
    }

    private func look(
        milliseconds: Int32, _ onCommand: (Int, UnsafeRawBufferPointer) -> [UInt8]?
    ) throws(Failure) {
        guard poll(&sockets, nfds_t(sockets.count), milliseconds) > 0 else { return }
        for index in sockets.indices where sockets[index].revents != 0 {
            switch connections[index].stage {
            case .connecting:
                try send(upgrade(connections[index].device), to: index)
                connections[index].stage = .upgrading
                sockets[index].events = Int16(POLLIN)
            case .upgrading, .open: try receive(index, onCommand)
            case .closed: break
            }
        }
    }

    private func upgrade(_ device: Device) -> [UInt8] {
        Array(
            """
            GET /ws/device HTTP/1.1\r
            Host: \(ServerUnderTest.host)\r
            Connection: Upgrade\r
            Upgrade: websocket\r
            Sec-WebSocket-Version: 13\r
            Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r
            X-Device-Id: \(device.id)\r
            X-Device-Secret: \(device.secret)\r
            \r

            """.utf8)
    }

    private func send(_ bytes: [UInt8], to index: Int) throws(Failure) {
        // Small beside a socket's buffer: it goes out whole, or the connection is broken.
        let sent = Glibc.send(sockets[index].fd, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        guard sent == bytes.count else { throw .unreachable("the server closed a socket") }
    }

    private func receive(
        _ index: Int, _ onCommand: (Int, UnsafeRawBufferPointer) -> [UInt8]?
    ) throws(Failure) {
        let count = recv(sockets[index].fd, &space, space.count, 0)
        if count < 0, errno == EAGAIN { return }
        guard count > 0 else { throw .unreachable("the server closed a socket") }
        connections[index].buffer += space.prefix(count)
        if connections[index].stage == .upgrading {
            guard let end = Frames.headEnd(connections[index].buffer) else { return }
            let head = String(decoding: connections[index].buffer.prefix(end), as: UTF8.self)
            guard head.hasPrefix("HTTP/1.1 101 ") else { throw .unexpected("an upgrade got \(head.prefix(60))") }
            connections[index].buffer.removeFirst(end)
            connections[index].stage = .open
        }
        while let (opcode, body, length) = Frames.first(of: connections[index].buffer) {
            let payload = Array(connections[index].buffer[body])
            connections[index].buffer.removeFirst(length)
            switch opcode {
            case 9: try send(Frames.frame(10, payload), to: index)
            case 8:
                throw .unexpected(
                    "the server closed a socket: \(String(decoding: payload.dropFirst(2), as: UTF8.self))")
            default:
                let answer = payload.withUnsafeBytes { onCommand(connections[index].device.number, $0) }
                if let answer { try send(answer, to: index) }
            }
        }
    }
}

/// Frames of a WebSocket's client.
enum Frames {
    static func text(_ text: String) -> [UInt8] { frame(1, Array(text.utf8)) }

    /// Masked with zeros, so that the payload is sent as it is.
    static func frame(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let size = payload.count
        var frame: [UInt8] = [0x80 | opcode]
        if size < 126 {
            frame.append(0x80 | UInt8(size))
        } else {
            frame += [0x80 | 126, UInt8(truncatingIfNeeded: size >> 8), UInt8(truncatingIfNeeded: size)]
        }
        return frame + [0, 0, 0, 0] + payload
    }

    /// A server's first whole frame: its opcode, where its payload is, and how long it is altogether.
    static func first(of bytes: [UInt8]) -> (opcode: UInt8, body: Range<Int>, length: Int)? {
        guard bytes.count >= 2 else { return nil }
        var (start, size) = (2, Int(bytes[1] & 0x7F))
        if size == 126 {
            guard bytes.count >= 4 else { return nil }
            (start, size) = (4, Int(bytes[2]) << 8 | Int(bytes[3]))
        } else if size == 127 {
            guard bytes.count >= 10 else { return nil }
            (start, size) = (10, bytes[2..<10].reduce(0) { $0 << 8 | Int($1) })
        }
        guard bytes.count >= start + size else { return nil }
        return (bytes[0] & 0x0F, start..<start + size, start + size)
    }

    static func headEnd(_ bytes: [UInt8]) -> Int? {
        bytes.withUnsafeBytes { bytes in
            var scanner = ByteScanner(bytes)
            return scanner.skip(past: "\r\n\r\n")
        }
    }
}
