internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// The devices that a customer's socket watches, each with the position up to which it was told. For one task.
final class DeviceWatch {
    let customer: CustomerID
    private let call: Call
    private let socket: WebSocket
    private var positions: [DeviceID: Int64] = [:]

    /// How many updates one look reads.
    private static let step = 100

    init(_ call: Call, _ socket: WebSocket, _ customer: CustomerID) {
        self.call = call
        self.socket = socket
        self.customer = customer
    }

    private struct Place: Sendable {
        let device: DeviceID
        let position: Int64
        let oldest: Int64
    }

    private static let subscribed = Shape<Place> {
        field("deviceId", GatewayShapes.deviceID) { $0.device }
        field("position", .integer(0...Int64.max)) { $0.position }
        field("oldest", .integer(0...Int64.max)) { $0.oldest }
    }

    private static let unsubscribed = Shape<DeviceID> { field("deviceId", GatewayShapes.deviceID) { $0 } }

    /// Watches a device, from a position on, or from now on. Throws `Refusal.notFound`, `.notYours`.
    func subscribe(_ device: DeviceID, since: Int64?, requestID: JSON?) async throws {
        guard positions[device] != nil || positions.count < CustomerSocket.maxDevices else {
            throw Refusal.quota("devices on one socket", retryAfterSeconds: 1)
        }
        let customer = customer
        let (oldest, last) = try await call.database.read { tx in
            _ = try tx.device(device, of: customer)
            let end = try tx.deviceUpdates(of: device, after: nil, limit: 1)
            return (end.oldest, end.last)
        }
        let start = min(since ?? last, last)
        try await socket.send(
            GatewayMessage(type: "subscribed", requestID: requestID), Self.subscribed,
            Place(device: device, position: last, oldest: oldest))
        positions[device] = start
        // Told at once what came since.
        socket.follow(DeviceTopic.updates(of: device), every: nil)
    }

    func unsubscribe(_ device: DeviceID, requestID: JSON?) async throws {
        guard positions.removeValue(forKey: device) != nil else {
            throw Refusal.wrongState("this socket is not subscribed to the device")
        }
        socket.unfollow(DeviceTopic.updates(of: device))
        try await socket.send(
            GatewayMessage(type: "unsubscribed", requestID: requestID), Self.unsubscribed, device)
    }

    /// Tells what is new of the device that a topic is about.
    func look(at topic: String) async throws {
        guard let device = DeviceTopic.device(ofUpdates: topic), positions[device] != nil else { return }
        try await tell(device)
    }

    /// Tells what is new of any: hints may be lost.
    func lookAtAll() async throws {
        let (known, customer) = (positions, customer)
        guard !known.isEmpty else { return }
        let ends = try await call.database.read { try $0.lastPositions(of: known.keys.sorted(), customer: customer) }
        for (device, position) in known.sorted(by: { $0.key < $1.key }) where ends[device] != position {
            try await tell(device)
        }
    }

    private func tell(_ device: DeviceID) async throws {
        let customer = customer
        while let position = positions[device] {
            let found = try await call.database.read { tx -> (updates: [DeviceUpdate], commands: [DeviceCommand])? in
                // Another device may have its id by now, perhaps somebody else's.
                let last = try tx.lastPositions(of: [device], customer: customer)[device]
                guard let last, last >= position else { return nil }
                let updates = try tx.deviceUpdates(of: device, after: position, limit: Self.step).updates
                return (updates, try tx.deviceCommands(updates.compactMap(\.job)))
            }
            guard let (updates, commands) = found else { return try await forget(device, at: position) }
            let byID = Dictionary(commands.map { ($0.id, $0) }) { first, _ in first }
            for update in updates {
                try await send(update, of: device, byID)
                positions[device] = update.position
            }
            guard updates.count == Self.step else { return }
        }
    }

    /// The device was deleted.
    private func forget(_ device: DeviceID, at position: Int64) async throws {
        positions[device] = nil
        socket.unfollow(DeviceTopic.updates(of: device))
        let update = DeviceUpdate(
            position: position + 1, job: nil, status: DeviceUpdate.deleted, at: call.dependencies.world.now())
        try await send(update, of: device, [:])
    }

    private typealias Stand = (device: DeviceID, update: DeviceUpdate)

    private static let status = Shape<Stand> {
        field("deviceId", GatewayShapes.deviceID) { $0.device }
        field("status", .string) { $0.update.status }
        field("lastSeen", .instant) { $0.update.at }
    }

    private static let command = Shape<DeviceCommand> {
        field("deviceId", GatewayShapes.deviceID) { $0.device }
        field("command", GatewayShapes.command) { $0 }
    }

    private func send(
        _ update: DeviceUpdate, of device: DeviceID, _ commands: [JobID: DeviceCommand]
    ) async throws(SocketClosed) {
        guard let job = update.job else {
            let message = GatewayMessage(type: "device_status", deviceID: device, position: update.position)
            return try await socket.send(message, Self.status, (device, update))
        }
        guard var command = commands[job] else { return }
        // As it was then; its result only with its end.
        let isNow = command.status.rawValue == update.status
        command.status = DeviceCommand.Status(rawValue: update.status) ?? command.status
        if !isNow { command.ending = nil }
        let message = GatewayMessage(type: "command_update", deviceID: device, position: update.position)
        try await socket.send(message, Self.command, command)
    }
}
