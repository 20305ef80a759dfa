internal import Bytes

/// Devices and their commands as text for people.
enum FleetText {
    static let devices = "/api/v1/customer/devices"

    static func device(_ device: String) -> String { "\(devices)/\(Client.escape(device))" }

    static func commands(_ device: String) -> String { "\(Self.device(device))/commands" }

    static func command(_ device: String, _ command: String) -> String {
        "\(commands(device))/\(Client.escape(command))"
    }

    static func session(_ session: String) -> String { "/api/v1/customer/sessions/\(Client.escape(session))" }

    static func table(_ devices: [JSON]) -> Table {
        var table = Table("ID", "STATUS", "SEEN", "LOCATION", "NAME")
        for device in devices {
            table.row(
                field(device["id"]), field(device["status"]), JobText.age(device["lastSeen"]),
                field(device["location"]), field(device["name"]))
        }
        return table
    }

    /// A command's fate. What is nil has not ended.
    enum Ending: Equatable { case completed, failed, withdrawn }

    static func ending(_ command: JSON) -> Ending? {
        switch command["status"]?.string {
        case "completed": .completed
        case "failed": .failed
        case "rejected", "cancelled": .withdrawn
        default: nil
        }
    }

    /// `failed in 1.2 s: exited with code 3`.
    static func status(_ command: JSON) -> String {
        let result = command["result"]
        var text = field(command["status"])
        if let duration = result?["duration"]?.int, duration >= 0 {
            text += " in \(Text.duration(milliseconds: duration))"
        }
        if let error = result?["error"]?.string, !error.isEmpty { text += ": \(oneLine(error))" }
        return text
    }

    /// What a command printed.
    static func output(_ command: JSON) -> [String] {
        LogText.lines(command["result"]?["output"]?.string ?? "").map { Output.sanitized($0) }
    }

    /// A session and its commands, each a line.
    static func sessionLines(_ session: JSON) -> [String] {
        var lines = ["id", "deviceId", "type", "status", "createdAt", "expiresAt"].compactMap { name in
            session[name].map { "\(name): \(field($0))" }
        }
        for command in session["commands"]?.array ?? [] {
            lines.append("\(field(command["id"])) \(field(command["type"])) \(status(command))")
        }
        return lines
    }

    /// `17 device_status online`, `18 command 0192… ping completed in 3 ms`.
    static func update(_ message: JSON, position: Int64?) -> String {
        let data = message["data"] ?? message
        let place = position.map { "\($0) " } ?? ""
        guard let command = data["command"] else {
            return "\(place)\(field(message["type"])) \(field(data["status"]))"
        }
        return "\(place)command \(field(command["id"])) \(field(command["type"])) \(status(command))"
    }

    /// A field as one cell or word; empty when it isn't set.
    static func field(_ value: JSON?) -> String {
        guard let value, !value.isNull else { return "" }
        return oneLine(value.string ?? value.text(.compact))
    }

    /// Untrusted text in a line of ours: also where it is piped, it must not make a line of its own.
    static func oneLine(_ text: String) -> String { Text.sanitized(text) }
}
