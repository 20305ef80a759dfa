internal import Bytes
internal import Domain
internal import Foundation
internal import Runtime
internal import Synchronization
internal import Wire

/// A server and many enrolled machines, whose signed heartbeats come on all connections at once.
final class HeartbeatTarget: BenchTarget {
    /// Machines for each connection, which send one after another.
    private static let machinesEach = 8

    private let settings: BenchSettings
    private let connections: [RawConnection]
    /// Those of each connection.
    private let machines: [[WorkerCredentials]]
    private let server: ServerUnderTest
    private let database: TemporaryDatabase

    private init(
        _ settings: BenchSettings, _ connections: [RawConnection], _ machines: [[WorkerCredentials]],
        _ server: ServerUnderTest, _ database: TemporaryDatabase
    ) {
        self.settings = settings
        self.connections = connections
        self.machines = machines
        self.server = server
        self.database = database
    }

    static func open(_ database: TemporaryDatabase, _ settings: BenchSettings) async throws -> HeartbeatTarget {
        let server = try await ServerUnderTest.start(database: database.url)
        let owner = Credentials(server: server.url, key: server.token, owner: ServerUnderTest.owner)
        var machines: [[WorkerCredentials]] = []
        var connections: [RawConnection] = []
        for number in 0..<settings.connections {
            connections.append(try RawConnection(host: ServerUnderTest.host, port: server.port))
            var own: [WorkerCredentials] = []
            for machine in 0..<machinesEach {
                var offer = MachineOffer()
                offer.name = "bench-\(number)-\(machine)"
                own.append(try await offer.enroll(by: owner))
            }
            machines.append(own)
        }
        return HeartbeatTarget(settings, connections, machines, server, database)
    }

    func round(_ scenario: Scenario) async throws -> [Reading] {
        let share = max(1, settings.backlog(.heartbeats) / connections.count)
        let requests = try signed(share)
        let before = try server.processorSeconds()
        let (ticks, latencies) = try ClientPool.send(requests, on: connections, "a heartbeat")
        let count = share * connections.count
        let cost = Reading.processor("heartbeats", try server.processorSeconds() - before, count)
        return [.calls("heartbeats", count, ticks)] + Reading.latencies("heartbeats", latencies)
            + [cost]
    }

    /// Each connection's requests, signed beforehand: what a machine does at its own expense isn't measured.
    private func signed(_ share: Int) throws -> [[[UInt8]]] {
        let made = Mutex<[Int: [[UInt8]]]>([:])
        _ = try ClientPool.run(connections.count) { [machines] index in
            let own = machines[index]
            let requests = (0..<share).map { Self.request(of: own[$0 % own.count]) }
            made.withLock { $0[index] = requests }
            return Tally()
        }
        return made.withLock { made in (0..<connections.count).map { made[$0] ?? [] } }
    }

    private static func request(of machine: WorkerCredentials) -> [UInt8] {
        let heartbeat = HeartbeatRequest(
            workerID: machine.workerID, machineToken: machine.machineToken, sentAt: World.live.now(),
            nonce: Hex.encode(World.live.random(16)), policyID: machine.policyID,
            metrics: ["running": 1, "slots": 4, "isolation": "sandbox"])
        return Requests.post(
            "/api/v1/workers/\(machine.workerID.text)/heartbeat",
            "Host: \(ServerUnderTest.host)\r\nX-Machine-Token: \(machine.machineToken)\r\n",
            heartbeat.json.text(.compact))
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
