internal import Bytes
package import Domain

/// A message signed with HMAC-SHA256; signatures are standard base64 (CONTRACT 5).
package struct SignedMessage: Sendable {
    private let bytes: [UInt8]

    /// Signed with the machine's token. `timestamp` is the text as sent.
    package static func heartbeat(
        worker: MachineID, timestamp: String, nonce: String, policy: PolicyID
    ) -> SignedMessage {
        SignedMessage(bytes: Array("\(worker)|\(timestamp)|\(nonce)|\(policy)".utf8))
    }

    /// Signed with the owner's bearer credential. `rules` are the bytes as sent.
    package static func policy(owner: OwnerID, rules: some Sequence<UInt8>) -> SignedMessage {
        SignedMessage(bytes: Array("\(owner)|".utf8) + rules)
    }

    /// Signed with the owner's bearer credential.
    package static func consent(owner: OwnerID, worker: MachineID, policy: PolicyID) -> SignedMessage {
        SignedMessage(bytes: Array("\(owner)|\(worker)|\(policy)".utf8))
    }

    package func signature(key: String) -> String {
        Base64.encode(HMACSHA256.sign(key: Array(key.utf8), message: bytes))
    }

    package func isSigned(_ signature: String, key: String) -> Bool {
        guard let tag = Base64.decode(signature) else { return false }
        return HMACSHA256.verify(tag, key: Array(key.utf8), message: bytes)
    }
}
