/// What a small device signs: its payload as its client writes it, then the time, then its hardware hash (CONTRACT 8).
///
/// The payload was parsed with its raw tokens, so that each form of it is written again to the byte. No two forms, and
/// no two calls, have the same message: a payload ends with its brace, the timestamp has ten digits, and a message of
/// the third form ends with a brace where the others end with a hex digit.
package struct PayloadSignature: Sendable {
    private let payload: JSON
    private let timestamp: String
    private let hardwareHash: String
    private let nonce: String?

    /// - Parameters:
    ///   - payload: an object.
    ///   - timestamp: seconds since 1970, of ten digits.
    ///   - hardwareHash: hex digits as they came, and the nonce's as well.
    package init(payload: JSON, timestamp: Int64, hardwareHash: String, nonce: String?) {
        self.payload = payload
        self.timestamp = String(timestamp)
        self.hardwareHash = hardwareHash
        self.nonce = nonce
    }

    package enum Form: Sendable, CaseIterable {
        /// JavaScript: `JSON.stringify(payload) + timestamp + hardwareHash`.
        case stringified
        /// Python: `json.dumps(payload, sort_keys=True) + str(timestamp) + hardware_hash`.
        case dumped
        /// Python: `json.dumps({…all of it…}, sort_keys=True)`.
        case whole
    }

    package func message(_ form: Form) -> [UInt8] {
        switch form {
        case .stringified: payload.bytes(.compact) + Array((timestamp + hardwareHash).utf8)
        case .dumped: payload.bytes(.canonical) + Array((timestamp + hardwareHash).utf8)
        case .whole:
            JSON.object(
                [.init("hardware_hash", .string(hardwareHash))] + (nonce.map { [.init("nonce", .string($0))] } ?? [])
                    + [.init("payload", payload), .init("timestamp", .number(timestamp))]
            ).bytes(.canonical)
        }
    }

    /// The message that was signed; nil when it was none of the forms.
    /// - Parameter isSpaced: whether the request looks like Python's: only what is tried first hangs on it.
    package func signed(_ signature: [UInt8], by key: [UInt8], isSpaced: Bool) -> [UInt8]? {
        for form in isSpaced ? [Form.dumped, .whole, .stringified] : [.stringified, .dumped, .whole] {
            let message = message(form)
            if Ed25519.verify(signature: signature, message: message, publicKey: key) { return message }
        }
        return nil
    }
}
