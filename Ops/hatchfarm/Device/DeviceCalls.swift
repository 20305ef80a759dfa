internal import Bytes
internal import Runtime
internal import Synchronization

/// A device's calls: over its socket while that answers, else over HTTP, whose status says more than a socket's error.
final class DeviceCalls: Sendable {
    let gateway: DeviceGateway
    private let link = Mutex<DeviceLink?>(nil)

    init(_ gateway: DeviceGateway) { self.gateway = gateway }

    /// nil: there is no socket now.
    func use(_ new: DeviceLink?) { link.withLock { $0 = new } }

    /// Returns the reply.
    func heartbeat(_ body: JSON) async throws(ServerError) -> JSON {
        if let reply = await ask("status", body, "status_ack") { return reply }
        return try await gateway.heartbeat(body)
    }

    /// - Throws: `refused` with 403, 404 or 409 when the command is no longer ours.
    func extend(_ entry: DeviceJournal.Entry, by milliseconds: Int64) async throws(ServerError) {
        let data: JSON = [
            "commandId": .string(entry.id), "claimToken": .string(entry.claimToken), "extensionMs": JSON(milliseconds),
        ]
        if await ask("command_extend", data, "command_extend_ack") != nil { return }
        try await gateway.extend(entry.id, claimToken: entry.claimToken, by: milliseconds)
    }

    /// Returns when the server has accepted the result. Repeating it changes nothing.
    func report(_ entry: DeviceJournal.Entry) async throws(ServerError) {
        let result = (entry.result?.members ?? []) + [.init("claimToken", .string(entry.claimToken))]
        let data = JSON.object([.init("commandId", .string(entry.id))] + result)
        if await ask("command_result", data, "command_result_ack") != nil { return }
        try await gateway.report(entry.id, .object(result))
    }

    /// What the acknowledgement carries; nil without one.
    private func ask(_ type: String, _ data: JSON, _ acknowledgement: String) async -> JSON? {
        guard let link = link.withLock({ $0 }), let message = try? await link.call(type, data),
            message["type"]?.string == acknowledgement
        else { return nil }
        let carried = message["data"] ?? message
        return carried["success"] == false ? nil : carried
    }
}
