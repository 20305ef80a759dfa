internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// How devices, their commands and sessions are written and read (CONTRACT 6).
enum GatewayShapes {
    static let name = Format<String>.trimmed(1...255)
    static let location = Format<String>.trimmed(1...255)
    static let type = Format<String>.text(1...128)
    static let priority = Format<Int64>.integer(DeviceCommand.priorities)
    static let milliseconds = Format<Int64>.integer(0...Int64.max)
    static let output = Format<String>.text(0...10_000)
    static let failure = Format<String>.text(0...5_000)
    static let reason = Format<String>.text(0...1_024)

    static let deviceID = Format<String>.checked(.string(1...128, pattern: "^[A-Za-z0-9_.:-]+$").example("unit-7")) {
        text throws(FieldError) in
        guard DeviceID.isValid(text) else { throw .invalid("must be 1–128 of A–Z a–z 0–9 _ . : -") }
    }
    .map {
        DeviceID($0)
    } from: {
        $0.text
    }

    /// Any JSON, kept as compact text.
    static func json(upTo bytes: Int, isObject: Bool = false) -> Format<String> {
        let format = isObject ? Format<JSON>.anyObject : .anything
        return Format<String>(format.schema) {
            $1.raw($0)
        } read: { json throws(FieldError) in
            let text = try format.read(json).text(.compact)
            guard text.utf8.count <= bytes else { throw .outOfRange("at most \(bytes) bytes of JSON") }
            return text
        }
    }

    static let metrics = json(upTo: 16_384, isObject: true)

    /// Numbers, where the seed has them.
    private static let measured = Input<String>(metrics.schema) { json throws(FieldError) in
        for name in ["cpu", "memory", "uptime"] {
            guard json[name].map({ $0.double != nil }) ?? true else {
                throw FieldError(name, .wrongType(expected: "a number"))
            }
        }
        return try metrics.read(json)
    }

    static let diagnostics = json(upTo: 16_384)
    static let parameters = json(upTo: 65_536)
    static let config = json(upTo: 16_384, isObject: true)

    // MARK: Refusals

    private static let details = Shape<Problem> {
        optionalField("field", .string) { $0.field }
    }

    static let refusal = Shape<Problem> {
        field("code", .string) { $0.code.uppercased() }
        field("message", .string) { $0.message }
        field("details", details) { $0 }
    }

    // MARK: Devices

    static let listed = Shape<Device>("Device") {
        field("id", deviceID) { $0.id }
        field("name", name) { $0.name }
        field("status", .string) { $0.status }
        field("lastSeen", .nullable(.instant)) { $0.presence.lastSeen }
        field("location", .nullable(location)) { $0.location }
    }

    static let changed = Shape<Device> { field("device", detail) { $0 } }

    static let detail = Shape<Device>("DeviceDetail") {
        listed
        field("model", .nullable(.string)) { $0.model }
        field("config", .nullable(config)) { $0.config }
        field("registeredAt", .nullable(.instant)) { $0.registeredAt }
    }

    // MARK: Commands

    private static let result = Shape<DeviceCommand> {
        field("status", .string) { $0.outcome ?? $0.ending?.reason ?? $0.status.rawValue }
        field("output", .nullable(output)) { $0.ending?.output }
        field("error", .nullable(failure)) { $0.ending?.error }
        field("duration", .nullable(milliseconds)) { $0.ending?.durationMilliseconds }
        field("completedAt", .nullable(.instant)) { $0.ending?.endedAt }
    }

    static let command = Shape<DeviceCommand>("DeviceCommand") {
        field("id", .id(format: "uuid")) { $0.id }
        field("deviceId", deviceID) { $0.device }
        field("type", type) { $0.type }
        field("parameters", parameters) { $0.parameters }
        field("priority", priority) { $0.priority }
        field("status", .choice) { $0.status }
        field("sessionId", .nullable(.id(format: "uuid"))) { $0.session }
        field("createdAt", .instant) { $0.createdAt }
        optionalField("result", result) { $0.ending == nil ? nil : $0 }
    }

    static let oneCommand = Shape<DeviceCommand> { field("command", command) { $0 } }

    /// A command as the device gets it.
    static let grant = Shape<Grant> {
        field("id", .id(format: "uuid")) { $0.id }
        field("type", type) { $0.title }
        field("parameters", parameters) { $0.spec }
        field("priority", priority) { DevicePlace.priority(ofTag: $0.tag) }
        field("claimToken", .hex(48...48)) { $0.token }
        field("visibleUntil", .instant) { $0.visibleUntil }
    }

    static let newCommand = InputFields {
        required("type", type)
        optional("parameters", parameters, default: "{}")
        optional("priority", priority, default: 5)
        optional("sessionId", .text(1...64))
    }
    .map { type, parameters, priority, session throws(FieldError) in
        NewCommand(
            device: DeviceID(""), type: type, parameters: parameters, priority: priority,
            session: session.map { SessionID($0) })
    }

    // MARK: What devices say

    static let beat = Input {
        optional("timestamp", .instant)
        required("status", health)
        optional("metrics", measured)
        optional("diagnostics", diagnostics)
    }
    .map { _, health, metrics, diagnostics throws(FieldError) in
        DeviceBeat(device: DeviceID(""), health: health, metrics: metrics, diagnostics: diagnostics)
    }

    private static let words: [(String, Device.Presence.Health)] = [
        ("online", .online), ("busy", .busy), ("error", .error), ("healthy", .online), ("degraded", .error),
        ("offline", .error),
    ]

    private static let health = Input<Device.Presence.Health>(.options(words.map(\.0))) { json throws(FieldError) in
        let text = try Format.string.read(json)
        guard let word = words.first(where: { $0.0 == text }) else {
            throw .invalid("must be one of \(words.map(\.0).joined(separator: ", "))")
        }
        return word.1
    }

    static let beatAnswer = Shape<Int64> {
        constant("success", true)
        field("nextHeartbeat", .integer(1...3_600_000)) { _ in DeviceAccess.nextHeartbeat }
        field("pendingCommands", .integer(0...DeviceCommand.limit)) { $0 }
    }

    static let token = Format<String>.text(1...128)

    private static let duration = Input<Int64>(.number) { json throws(FieldError) in
        guard let value = json.double, (0...1e15).contains(value) else {
            throw .invalid("must be a number of milliseconds, 0 or more")
        }
        return json.int ?? Int64(value.rounded())
    }

    static let outcome = InputFields {
        required("claimToken", token)
        required("status", Format<Outcome.Status>.choice)
        optional("output", output)
        optional("error", failure)
        required("executedAt", .instant)
        required("duration", duration, "Milliseconds; a fraction is rounded.")
    }
    .map { token, status, output, error, _, duration throws(FieldError) in
        (
            token: token,
            outcome: Outcome(status: status, output: output, error: error, durationMilliseconds: duration)
        )
    }

    static let extent = InputFields {
        required("claimToken", token)
        required("extensionMs", .integer(60_000...300_000))
    }
    .map { token, milliseconds throws(FieldError) in (token: token, milliseconds: milliseconds) }
}

extension LeaseKey {
    init(_ id: JobID, of device: DeviceID, token: String) {
        self.init(job: id, worker: device.machine, tokenHash: SHA256.hex(token))
    }
}
