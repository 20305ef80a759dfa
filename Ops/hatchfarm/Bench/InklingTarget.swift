internal import Bytes
internal import Foundation
internal import Synchronization

/// A server, and new companion devices for every round, who post dreams that were signed before: their first one, by
/// which they are registered, and all others of the day.
final class InklingTarget: BenchTarget {
    /// How many dreams a device posts: its limit of the day.
    private static let dreamsEach = 20

    private let settings: BenchSettings
    private let connections: [RawConnection]
    private let server: ServerUnderTest
    private let database: TemporaryDatabase

    private init(
        _ settings: BenchSettings, _ connections: [RawConnection], _ server: ServerUnderTest,
        _ database: TemporaryDatabase
    ) {
        self.settings = settings
        self.connections = connections
        self.server = server
        self.database = database
    }

    static func open(_ database: TemporaryDatabase, _ settings: BenchSettings) async throws -> InklingTarget {
        let server = try await ServerUnderTest.start(
            database: database.url, environment: ["INKLING_DEVICES_PER_ADDRESS": "1000000000"])
        let connections = try (0..<settings.connections).map { _ in
            try RawConnection(host: ServerUnderTest.host, port: server.port)
        }
        return InklingTarget(settings, connections, server, database)
    }

    func round(_ scenario: Scenario) async throws -> [Reading] {
        let share = max(1, settings.backlog(.inkling) / connections.count)
        let each = max(1, share / Self.dreamsEach)
        let requests = try signed(devices: each)
        let (first, rest) = (requests.map(\.first), requests.map(\.rest))
        let registering = try ClientPool.send(first, on: connections, "a post")
        let posting = try ClientPool.send(rest, on: connections, "a post")
        let count = connections.count * each
        return [.calls("first post", count, registering.ticks)]
            + [.calls("post", count * (Self.dreamsEach - 1), posting.ticks)]
            + Reading.latencies("post", posting.latencies)
    }

    private struct Share: Sendable {
        var first: [[UInt8]] = []
        var rest: [[UInt8]] = []
    }

    /// Each connection's requests; those of one device are far from each other.
    private func signed(devices: Int) throws -> [Share] {
        let made = Mutex<[Int: Share]>([:])
        _ = try ClientPool.run(connections.count) { index in
            let devices = (0..<devices).map { _ in SignedDreams() }
            var share = Share()
            for number in 0..<Self.dreamsEach {
                let requests = try devices.map { try $0.request(number) }
                if number == 0 { share.first = requests } else { share.rest += requests }
            }
            made.withLock { [share] in $0[index] = share }
            return Tally()
        }
        return made.withLock { made in (0..<connections.count).map { made[$0] ?? Share() } }
    }

    func close() async {
        server.stop()
        await database.remove()
    }

    func abort() {
        server.stop()
        if let folder = database.folder { try? FileManager.default.removeItem(atPath: folder) }
    }
}

/// A companion device and what it posts, signed as JavaScript does.
private struct SignedDreams: Sendable {
    private let seed = World.live.random(32)
    private let hash = Hex.encode(World.live.random(16))
    private static let head = "Host: \(ServerUnderTest.host)\r\n"

    func request(_ number: Int) throws -> [UInt8] {
        let payload = #"{"content":"I dreamed of electric sheep, \#(number)","mood":"curious","face":"(◉‿◉)"}"#
        let timestamp = World.live.now() / 1_000
        guard let key = Ed25519.publicKey(seed: seed),
            let signature = Ed25519.sign(Array("\(payload)\(timestamp)\(hash)".utf8), seed: seed)
        else { throw Failure.unexpected("cannot sign") }
        let body = """
            {"payload":\(payload),"timestamp":\(timestamp),"hardware_hash":"\(hash)",\
            "public_key":"\(Hex.encode(key))","signature":"\(Hex.encode(signature))"}
            """
        return Requests.post("/api/plant", Self.head, body)
    }
}
