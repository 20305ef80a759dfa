import Bytes
import Support
import Synchronization

@testable import hatchfarm

/// A customer who follows devices on a socket from their first update on. When the connection is lost, the next one
/// goes on after the last position of each.
final class UpdateFollower: Sendable {
    struct Update: Sendable {
        let position: Int64
        /// nil when it is of the device itself.
        let command: String?
        let status: String
    }

    private struct State {
        var told: [String: [Update]] = [:]
        var connections = 0
        var complaints: [String] = []
    }

    private static let limits = JSONLimits(depth: 64, keys: 100_000)

    private let customer: FarmClient
    private let devices: [String]
    private let state = Mutex(State())

    init(_ customer: FarmClient, _ devices: [String]) {
        self.customer = customer
        self.devices = devices
    }

    /// All that came, by device, in the order in which it came.
    var told: [String: [Update]] { state.withLock { $0.told } }
    /// How often the server took it in.
    var connections: Int { state.withLock { $0.connections } }
    var complaints: [String] { state.withLock { $0.complaints } }

    /// The last position that came of each device.
    var positions: [String: Int64] { told.compactMapValues { $0.last?.position } }

    /// Until it is cancelled.
    func run() async {
        while !Task.isCancelled {
            if let socket = try? await open() {
                await follow(on: socket)
                socket.close()
            }
            try? await World.live.sleep(.milliseconds(50))
        }
    }

    /// Where the updates of each device end at this moment.
    func ends() async throws -> [String: Int64] {
        let socket = try await open()
        defer { socket.close() }
        for device in devices { try await subscribe(to: device, since: nil, on: socket) }
        var ends: [String: Int64] = [:]
        while ends.count < devices.count, let bytes = await socket.next() {
            let message = try JSON(parsing: bytes, limits: Self.limits)
            guard message["type"]?.string == "subscribed", let device = message["data"]?["deviceId"]?.string else {
                continue
            }
            ends[device] = message["data"]?["position"]?.int
        }
        guard ends.count == devices.count else { throw ToolFailure("only \(ends) was told: \(socket.ending)") }
        return ends
    }

    private func open() async throws -> ClientSocket {
        try await ClientSocket.open(customer.url, "/ws/customer", customer.headers)
    }

    private func subscribe(to device: String, since position: Int64?, on socket: ClientSocket) async throws {
        var members: [JSON.Member] = [.init("type", "subscribe"), .init("deviceId", .string(device))]
        if let position { members.append(.init("since", JSON(position))) }
        try await socket.send(JSON.object(members).bytes())
    }

    private func follow(on socket: ClientSocket) async {
        do {
            for device in devices {
                let last = state.withLock { $0.told[device]?.last?.position ?? 0 }
                try await subscribe(to: device, since: last, on: socket)
            }
        } catch {
            return
        }
        state.withLock { $0.connections += 1 }
        while let bytes = await socket.next() { take(bytes) }
    }

    private func take(_ bytes: [UInt8]) {
        guard let message = try? JSON(parsing: bytes, limits: Self.limits) else {
            return complain(String(decoding: bytes, as: UTF8.self))
        }
        switch message["type"]?.string {
        case "connected", "subscribed": break
        case "device_status", "command_update":
            let command = message["data"]?["command"]
            guard let device = message["deviceId"]?.string, let position = message["position"]?.int,
                let status = (command ?? message["data"])?["status"]?.string
            else { return complain(message.text()) }
            let update = Update(position: position, command: command?["id"]?.string, status: status)
            state.withLock { $0.told[device, default: []].append(update) }
        default: complain(message.text())
        }
    }

    private func complain(_ text: String) { state.withLock { $0.complaints.append("the socket said \(text)") } }
}
