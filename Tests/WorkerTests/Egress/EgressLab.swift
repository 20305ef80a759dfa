@testable import Egress
import Foundation
import Glibc
@testable import Support
import Synchronization
import Testing

/// A server on loopback, each connection on a thread of its own and closed at its end.
final class Upstream: Sendable {
    let port: Int
    private let socket: Socket
    private let open = Mutex<[Int32: Socket]>([:])
    private let heard = Mutex<[[UInt8]]>([])

    init(_ serve: @escaping @Sendable (Upstream, Socket) -> Void) throws {
        socket = try Socket.listening(port: 0)
        port = socket.port
        Thread.detachNewThread { [self] in
            while let connection = socket.accepted() {
                open.withLock { $0[connection.file] = connection }
                Thread.detachNewThread { [self] in
                    serve(self, connection)
                    open.withLock { _ = $0.removeValue(forKey: connection.file) }
                    connection.close()
                }
            }
            socket.close()
        }
    }

    /// Answers each request with `ok`, and ends.
    static func web(_ answer: String = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") throws -> Upstream {
        try Upstream { upstream, connection in
            upstream.hear(connection.until("\r\n\r\n"))
            _ = connection.send(Array(answer.utf8))
        }
    }

    func hear(_ bytes: [UInt8]) { heard.withLock { $0.append(bytes) } }
    var requests: [String] { heard.withLock { $0.map { String(decoding: $0, as: UTF8.self) } } }
    var openCount: Int { open.withLock { $0.count } }

    func stop() {
        socket.cut()
        open.withLock { for connection in $0.values { connection.cut() } }
    }
}

extension Socket {
    /// Gives up after ten seconds instead of hanging the tests.
    func bounded() -> Socket {
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        return self
    }

    /// No byte more than up to the mark: what comes behind it is for the next reader.
    func until(_ mark: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while !bytes.reversed().starts(with: mark.utf8.reversed()), recv(file, &byte, 1, 0) == 1 { bytes.append(byte) }
        return bytes
    }

    func toEnd() -> [UInt8] {
        var bytes: [UInt8] = []
        while let more = received() { bytes += more }
        return bytes
    }

    func exactly(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count, let more = received() { bytes += more }
        return bytes
    }

    /// Without waiting.
    var isAtEnd: Bool {
        var byte: UInt8 = 0
        return recv(file, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 0
    }

    func say(_ text: String) -> Bool { send(Array(text.utf8)) }
    func endOutput() { _ = shutdown(file, Int32(SHUT_WR)) }
}

/// A proxy whose names lead where the test says, and what it reported.
final class EgressLab: Sendable {
    let path: String
    let proxy: EgressProxy
    private let events: Events

    private final class Events: Sendable {
        let all = Mutex<[EgressEvent]>([])
    }

    /// `upstream.test` is this machine; rules are changed by `change` before the start.
    private init(
        names: [String: [String]], resolver: NameResolver?, change: (inout EgressRules) throws -> Void
    ) async throws {
        var rules = try EgressRules(domains: ["*"])
        rules.ports = Set(1...65_535)
        rules.addresses = AddressRules(allowsPrivate: true, allowsLoopback: true)
        try change(&rules)
        let table = names.merging(["upstream.test": ["127.0.0.1"]]) { given, _ in given }
        let events = Events()
        self.events = events
        path = Scratch.path("egress")
        proxy = try await EgressProxy.start(
            socketPath: path, rules: rules,
            resolver: resolver ?? NameResolver { (table[$0] ?? []).compactMap { IPAddress($0) } }
        ) { event in
            events.all.withLock { $0.append(event) }
        }
    }

    /// Runs a test with a proxy, and stops it.
    static func with(
        names: [String: [String]] = [:], resolver: NameResolver? = nil,
        rules change: (inout EgressRules) throws -> Void = { _ in }, _ body: (EgressLab) async throws -> Void
    ) async throws {
        let lab = try await EgressLab(names: names, resolver: resolver, change: change)
        do {
            try await body(lab)
        } catch {
            await lab.proxy.stop()
            throw error
        }
        await lab.proxy.stop()
        #expect(access(lab.path, F_OK) != 0)
    }

    var log: [String] { events.all.withLock { $0.map(\.logLine) } }

    func connect() throws -> Socket {
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            close(file)
            throw ToolFailure(description: "can't connect to \(path): \(errno)")
        }
        return Socket(file: file).bounded()
    }

    /// Sends `text` and gives what comes back until the end.
    func ask(_ text: String) throws -> String {
        let client = try connect()
        defer { client.close() }
        _ = client.say(text)
        return String(decoding: client.toEnd(), as: UTF8.self)
    }

    /// A tunnel that stands.
    func tunnel(to host: String = "upstream.test", _ upstream: Upstream) throws -> Socket {
        let client = try connect()
        #expect(client.say("CONNECT \(host):\(upstream.port) HTTP/1.1\r\nHost: \(host)\r\n\r\n"))
        let answer = String(decoding: client.until("\r\n\r\n"), as: UTF8.self)
        #expect(answer == "HTTP/1.1 200 Connection established\r\n\r\n")
        return client
    }
}
