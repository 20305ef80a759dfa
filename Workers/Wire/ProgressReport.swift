package import Bytes

/// `POST jobs/{job}/progress`: what has changed since the last report (CONTRACT 4).
package struct ProgressReport: Sendable, Equatable {
    package var claimToken: String
    /// 0–100.
    package var percent: Double?
    /// At most 1,024 bytes.
    package var message: String?
    /// The next piece of the log, at most 256 KiB: `log` on the wire, or `log_base64` when it isn't UTF-8.
    package var log: RawText?
    /// The piece's offset in this attempt's log, in bytes, so that a repeated report duplicates nothing.
    package var logOffset: Int?

    package init(
        claimToken: String, percent: Double? = nil, message: String? = nil, log: RawText? = nil, logOffset: Int? = nil
    ) {
        self.claimToken = claimToken
        self.percent = percent
        self.message = message
        self.log = log
        self.logOffset = logOffset
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.claimToken = try fields.text("claim_token", bytes: WireLimits.tokenBytes)
        self.percent = try fields.optionalDouble("percent", in: WireLimits.percent)
        self.message = try fields.optionalText("message", bytes: WireLimits.messageBytes)
        self.log = try Self.log(&fields)
        self.logOffset = try fields.optionalInt("log_offset", in: WireLimits.logOffset)
        try fields.end()
    }

    private static func log(_ fields: inout Fields) throws(FieldError) -> RawText? {
        let text = try fields.optionalText("log", bytes: WireLimits.logBytes)
        guard let digits = try fields.optionalString("log_base64") else { return text.map { RawText($0) } }
        guard text == nil else {
            throw fields.error("log_base64", .invalid("or log: only one of them may be given"))
        }
        guard let bytes = Base64.decode(digits) else {
            throw fields.error("log_base64", .invalid("is not standard base64"))
        }
        guard WireLimits.logBytes.contains(bytes.count) else {
            throw fields.error("log_base64", .outOfRange("at most \(WireLimits.logBytes.upperBound) bytes"))
        }
        return RawText(bytes)
    }

    package var json: JSON {
        object([
            ("claim_token", .string(claimToken)), ("percent", percent.map { JSON($0) }),
            ("message", message.map(JSON.string)), ("log", log?.exact.map(JSON.string)),
            ("log_base64", log?.base64.map(JSON.string)),
            ("log_offset", logOffset.map { JSON($0) }),
        ])
    }
}
