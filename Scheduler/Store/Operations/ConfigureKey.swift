internal import Domain

/// What became of a key that the operator configured.
package enum KeyConfiguration: Sendable, Equatable {
    /// It is the queenbee's. The hashes are of those that it takes the place of.
    case isValid(ended: [String])
    /// It was revoked before, and stays so.
    case wasRevoked
    /// Another member's, or it has ended by itself.
    case isAnother
}

extension Transaction {
    /// Makes `QUEENBEE_API_KEY` the queenbee's key, and ends the one that was configured before (CONTRACT 3). Keys that
    /// were made otherwise are left alone.
    package func configureQueenbee(_ text: KeyText) throws -> KeyConfiguration {
        let changer = KeyChanger(actor: "operator", bearerHash: nil)
        if let known = try key(hash: text.hash) {
            guard known.revokedAt == nil else { return .wasRevoked }
            guard known.member == Member.queenbee, known.isValid(at: now) else { return .isAnother }
        } else {
            let key = APIKey(
                id: newKeyID(), member: Member.queenbee, name: "QUEENBEE_API_KEY", prefix: text.prefix, createdAt: now)
            try insertKey(key, hash: text.hash, isConfigured: true)
            try record(.apiKeyCreated, key, changer)
        }
        var ended: [String] = []
        for (hash, id) in try configuredKeys(of: Member.queenbee) where hash != text.hash {
            let old = try revokeKey(id, of: Member.queenbee, by: changer)
            ended.append(old.hash ?? hash)
        }
        return .isValid(ended: ended)
    }
}
