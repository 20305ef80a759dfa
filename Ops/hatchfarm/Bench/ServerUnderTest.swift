internal import Bytes
internal import Foundation
internal import Glibc

/// `hatchfarm serve` of this binary with its own database, or `hatchfarm static-answer`; as a child process on a free
/// port.
final class ServerUnderTest: Sendable {
    let port: Int
    let token: String
    private let process: Process

    var url: String { "http://\(Self.host):\(port)" }

    static let host = "127.0.0.1"
    static let owner = "bench"

    private init(port: Int, token: String, process: Process) {
        self.port = port
        self.token = token
        self.process = process
    }

    static func start(database: String, environment: [String: String] = [:]) async throws -> ServerUnderTest {
        try await start(environment.merging(["DATABASE_URL": database]) { own, _ in own }) { _ in ["serve"] }
    }

    static func startStatic() async throws -> ServerUnderTest {
        try await start([:]) { ["static-answer", "--port", "\($0)"] }
    }

    private static func start(
        _ environment: [String: String], _ arguments: (Int) -> [String]
    ) async throws -> ServerUnderTest {
        let port = try freePort()
        let token = Hex.encode(World.live.random(24))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try ownPath())
        process.arguments = arguments(port)
        process.standardOutput = FileHandle.nullDevice
        process.environment = ProcessInfo.processInfo.environment.merging(
            [
                "PORT": "\(port)", "HOST": host, "HATCHFARM_API_TOKEN": token,
                "HATCHFARM_LOG": "error", "REDIS_ADDR": "", "REQUIRE_HTTPS": "false",
                // One owner has all of the load.
                "HATCHFARM_MEMBER_RATE": "0", "HATCHFARM_LIVE_JOBS": "1000000000",
            ]) { $1 }.merging(environment) { $1 }
        do {
            try process.run()
        } catch {
            throw Failure.unexpected("cannot start the server: \(error)")
        }
        let server = ServerUnderTest(port: port, token: token, process: process)
        try await server.waitUntilReady()
        return server
    }

    /// `VmRSS` is the resident memory.
    func megabytes(_ field: String) throws -> Double {
        try ProcessStatus.megabytes(field, of: process.processIdentifier)
    }

    /// Its CPU time.
    func processorSeconds() throws -> Double { try ProcessStatus.processorSeconds(of: process.processIdentifier) }

    /// What it has caused to be written to disks so far.
    func bytesWritten() throws -> Int { try ProcessStatus.bytesWritten(by: process.processIdentifier) }

    /// Drains it, and waits for its exit.
    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    private func waitUntilReady() async throws {
        let request = Array("GET /readyz HTTP/1.1\r\nHost: \(Self.host)\r\n\r\n".utf8)
        for _ in 0..<600 {
            guard process.isRunning else { throw Failure.unexpected("the server exited during its start") }
            if let connection = try? RawConnection(host: Self.host, port: port),
                let status = try? connection.exchange(request).status, (200..<300).contains(status)
            {
                return
            }
            try await World.live.sleep(.milliseconds(50))
        }
        stop()
        throw Failure.unreachable("the server was not ready within 30 s")
    }

    /// The path of this program.
    static func ownPath() throws -> String {
        guard let path = realpath("/proc/self/exe", nil) else { throw Failure.unexpected("cannot find this binary") }
        defer { free(path) }
        return String(cString: path)
    }

    private static func freePort() throws -> Int {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr(host)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, size) == 0 && getsockname(socket, $0, &size) == 0
            }
        }
        guard isBound else { throw Failure.unexpected("no free port") }
        return Int(address.sin_port.bigEndian)
    }
}
