import CLibPQ

/// Channels.
extension PostgresLink {
    var socket: Int32 { PQsocket(handle) }

    func listen(to channel: String) throws { try command("LISTEN \(quoted(channel))") }
    func stopListening(to channel: String) throws { try command("UNLISTEN \(quoted(channel))") }

    /// What has arrived.
    func notifications() throws -> [(channel: String, payload: String)] {
        guard PQconsumeInput(handle) == 1 else { throw lost() }
        var found: [(channel: String, payload: String)] = []
        while let notification = PQnotifies(handle) {
            found.append((String(cString: notification.pointee.relname), String(cString: notification.pointee.extra)))
            PQfreemem(notification)
        }
        return found
    }

    private func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
}
