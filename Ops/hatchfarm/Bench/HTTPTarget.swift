internal import Domain
internal import Foundation
internal import Runtime
internal import Synchronization
internal import Wire

/// A server to measure, with as many enrolled machines as there are connections.
final class HTTPTarget: BenchTarget {
    private let load: HTTPLoad
    private let server: ServerUnderTest?
    private let database: TemporaryDatabase?
    private let pending = Mutex(0)

    private init(load: HTTPLoad, server: ServerUnderTest?, database: TemporaryDatabase?) {
        self.load = load
        self.server = server
        self.database = database
    }

    /// Starts a server on that database.
    static func open(_ database: TemporaryDatabase, _ settings: BenchSettings) async throws -> HTTPTarget {
        let server = try await ServerUnderTest.start(database: database.url)
        let credentials = Credentials(
            server: server.url, key: server.token, owner: ServerUnderTest.owner)
        return HTTPTarget(
            load: try await HTTPLoad.prepare(credentials, settings, server), server: server, database: database)
    }

    /// Uses an existing server.
    static func open(_ credentials: Credentials, _ settings: BenchSettings) async throws -> HTTPTarget {
        HTTPTarget(load: try await HTTPLoad.prepare(credentials, settings, nil), server: nil, database: nil)
    }

    func round(_ scenario: Scenario) async throws -> [Reading] { try load.round(scenario) }

    func fill(to depth: Int) async throws {
        let missing = pending.withLock { pending in
            defer { pending = max(pending, depth) }
            return depth - pending
        }
        if missing > 0 { try load.preload(missing) }
    }

    func claimLatencies() async throws -> [UInt64] { try load.claimLatencies() }

    func close() async {
        server?.stop()
        await database?.remove()
    }

    func abort() {
        server?.stop()
        if let folder = database?.folder { try? FileManager.default.removeItem(atPath: folder) }
    }
}

extension HTTPLoad {
    /// Enrolls a machine for each connection.
    static func prepare(
        _ credentials: Credentials, _ settings: BenchSettings, _ server: ServerUnderTest?
    ) async throws -> HTTPLoad {
        guard credentials.server.hasPrefix("http://"), let url = URL(string: credentials.server), let host = url.host
        else { throw Failure.invalid("bench supports only plain HTTP: \(credentials.server)") }
        let requests = Requests(host: host, credentials: credentials)
        var offer = MachineOffer()
        offer.capacity = Capacity(cpuCores: 4_096, memoryGB: 65_536)
        var clients: [BenchClient] = []
        for number in 1...settings.connections {
            offer.name = "bench-\(number)"
            let machine = try await offer.enroll(by: credentials)
            clients.append(
                BenchClient(
                    connection: try RawConnection(host: host, port: url.port ?? 80),
                    requests: requests.worker(machine.workerID.text, token: machine.machineToken)))
        }
        return HTTPLoad(settings: settings, clients: clients, requests: requests, server: server)
    }
}
