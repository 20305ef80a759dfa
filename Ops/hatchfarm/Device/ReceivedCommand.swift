internal import Bytes

/// A command that is claimed for this device.
struct ReceivedCommand: Sendable, Equatable {
    let id: String
    let type: String
    let parameters: JSON
    let claimToken: String

    /// nil unless it is one: as the socket pushes it, or a claim grants it (CONTRACT 6).
    init?(_ json: JSON) {
        guard let id = json["id"]?.string, let type = json["type"]?.string, let token = json["claimToken"]?.string,
            (1...128).contains(id.utf8.count), (1...1_024).contains(token.utf8.count), type.utf8.count <= 1_024
        else { return nil }
        self.id = id
        self.type = type
        parameters = json["parameters"] ?? .null
        claimToken = token
    }
}

/// How a command ended on this device.
struct CommandOutcome: Sendable, Equatable {
    enum Status: String, Sendable {
        case success, failure, timeout
    }

    let status: Status
    let output: String?
    let error: String?

    /// The most characters that the server takes (CONTRACT 6).
    static let outputLength = 10_000
    static let errorLength = 5_000

    init(_ status: Status, output: String? = nil, error: String? = nil) {
        self.status = status
        self.output = output.map { Self.truncated($0, Self.outputLength) }
        self.error = error.map { Self.truncated($0, Self.errorLength) }
    }

    static func success(_ output: JSON) -> CommandOutcome {
        CommandOutcome(.success, output: output.text(.compact))
    }

    static func failure(_ error: String) -> CommandOutcome { CommandOutcome(.failure, error: error) }

    /// The device was killed while the command ran, and can't tell how far it came.
    static let interrupted = failure("the device was restarted while the command ran")
    static let stopped = failure("the device was stopped before the command had finished")

    /// As it is reported, but for the claim token.
    /// - Parameters:
    ///   - executedAt: milliseconds since 1970.
    ///   - duration: in milliseconds.
    func json(executedAt: Int64, duration: Int64) -> JSON {
        var members: [JSON.Member] = [.init("status", .string(status.rawValue))]
        if let output { members.append(.init("output", .string(output))) }
        if let error { members.append(.init("error", .string(error))) }
        return .object(
            members + [
                .init("executedAt", .string(RFC3339.format(executedAt))), .init("duration", JSON(max(0, duration))),
            ])
    }

    private static func truncated(_ text: String, _ length: Int) -> String {
        let scalars = text.unicodeScalars
        guard scalars.count > length else { return text }
        return String(String.UnicodeScalarView(scalars.prefix(length)))
    }
}
