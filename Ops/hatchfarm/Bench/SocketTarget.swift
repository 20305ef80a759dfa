internal import Bytes
internal import Domain
internal import Foundation
internal import Store

/// A server with many devices: on sockets, over HTTP, and commands for them.
final class SocketTarget: BenchTarget {
    private let load: SocketLoad
    private let server: ServerUnderTest
    private let database: TemporaryDatabase

    private init(_ load: SocketLoad, _ server: ServerUnderTest, _ database: TemporaryDatabase) {
        self.load = load
        self.server = server
        self.database = database
    }

    private static let customer = CustomerID("bench")

    static func open(_ database: TemporaryDatabase, _ settings: BenchSettings) async throws -> SocketTarget {
        guard database.url != "sqlite::memory:" else {
            throw Failure.invalid("bench sockets needs to fill the server's database: use a file")
        }
        let secret = Hex.encode(World.live.random(32))
        let count = "\(settings.sockets + 1_000)"
        let server = try await ServerUnderTest.start(
            database: database.url,
            environment: [
                "SUPABASE_JWT_SECRET": secret, "HATCHFARM_CONNECTIONS": count,
                "HATCHFARM_CONNECTIONS_PER_ADDRESS": count,
            ])
        do {
            let store = try await Database.open(database.url)
            let (devices, tokens) = try await fill(store, settings.sockets)
            await store.close()
            let now = World.live.now() / 1_000
            let token = CustomerToken.text(
                for: customer.text, from: now, to: now + 86_400, secret: Array(secret.utf8))
            return SocketTarget(
                SocketLoad(settings: settings, server: server, devices: devices, tokens: tokens, customerToken: token),
                server, database)
        } catch {
            server.stop()
            await database.remove()
            throw error
        }
    }

    /// Registers devices, and gives each a session token.
    private static func fill(
        _ store: Database, _ count: Int
    ) async throws -> (devices: [SocketSwarm.Device], tokens: [String]) {
        let devices = (0..<count).map { number in
            SocketSwarm.Device(number: number, id: "bench-\(number)", secret: Hex.encode(World.live.random(32)))
        }
        let tokens = devices.map { _ in "dst_" + Hex.encode(World.live.random(24)) }
        for start in stride(from: 0, to: count, by: 250) {
            let range = start..<min(count, start + 250)
            try await store.write { tx in
                for (device, token) in zip(devices[range], tokens[range]) {
                    let (id, code) = (DeviceID(device.id), SHA256.hex("code"))
                    _ = try tx.provisionDevice(id, of: customer, name: device.id, location: nil, codeHash: code)
                    _ = try tx.registerDevice(
                        id, codeHash: code, secretHash: SHA256.hex(device.secret), model: nil, location: nil)
                    _ = try tx.openDeviceToken(SHA256.hex(token), for: id)
                }
            }
        }
        return (devices, tokens)
    }

    func round(_ scenario: Scenario) async throws -> [Reading] { try load.round() }

    func close() async {
        server.stop()
        await database.remove()
    }

    func abort() {
        server.stop()
        if let folder = database.folder { try? FileManager.default.removeItem(atPath: folder) }
    }
}
