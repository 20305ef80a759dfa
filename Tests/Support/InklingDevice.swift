package import Bytes

/// How the text is made that a device signs (CONTRACT 8).
package enum SignedForm: CaseIterable, Sendable {
    /// The payload as `json.dumps(sort_keys=True)`, the timestamp, the hash.
    case python
    /// The payload as `JSON.stringify`, the timestamp, the hash.
    case javaScript
    /// `json.dumps(sort_keys=True)` of the object of hash, nonce, payload and timestamp.
    case whole
}

/// A companion device: its key, and the hash of its hardware.
package struct InklingDevice: Sendable {
    package let seed: [UInt8]
    /// The public key in hex.
    package let key: String
    package var hash: String

    package init(seed: [UInt8] = World.live.random(32)) {
        self.seed = seed
        key = Hex.encode(Ed25519.publicKey(seed: seed) ?? [])
        hash = SHA256.hex("the hardware of \(key)")
    }

    /// With another hash of its hardware.
    package func with(hash: String) -> InklingDevice {
        var device = self
        device.hash = hash
        return device
    }

    /// The signature in hex.
    package func sign(_ message: String) -> String {
        Hex.encode(Ed25519.sign(Array(message.utf8), seed: seed) ?? [])
    }

    /// What it signs.
    /// - Parameter timestamp: seconds since 1970.
    package func text(
        _ payload: JSON, at timestamp: Int64, _ form: SignedForm = .python, nonce: String? = nil
    ) -> String {
        switch form {
        case .python: return payload.text(.canonical) + String(timestamp) + hash
        case .javaScript: return payload.text(.compact) + String(timestamp) + hash
        case .whole:
            let members: [JSON.Member] = [
                .init("hardware_hash", .string(hash)), .init("payload", payload), .init("timestamp", JSON(timestamp)),
            ]
            return JSON.object(members + Self.member(nonce)).text(.canonical)
        }
    }

    private static func member(_ nonce: String?) -> [JSON.Member] {
        nonce.map { [JSON.Member("nonce", .string($0))] } ?? []
    }

    /// The body of a request.
    package func message(
        _ payload: JSON, at timestamp: Int64, _ form: SignedForm = .python, nonce: String? = nil
    ) -> JSON {
        let members: [JSON.Member] = [
            .init("payload", payload), .init("timestamp", JSON(timestamp)), .init("hardware_hash", .string(hash)),
            .init("public_key", .string(key)),
            .init("signature", .string(sign(text(payload, at: timestamp, form, nonce: nonce)))),
        ]
        return .object(members + Self.member(nonce))
    }
}
