internal import Bytes
package import Domain

/// Who changes keys, and with what.
package struct KeyChanger: Sendable {
    /// For the audit log.
    package let actor: String
    /// SHA-256 hex of the bearer that the call came with; nil for commands on the database itself.
    package let bearerHash: String?

    package init(actor: String, bearerHash: String?) {
        self.actor = actor
        self.bearerHash = bearerHash
    }
}

/// A key's text as it is kept.
package struct KeyText: Sendable {
    package let hash: String
    package let prefix: String

    package init(_ text: String) {
        hash = SHA256.hex(text)
        prefix = APIKey.prefix(of: text)
    }
}

/// A key that ended, now or soon, and the hash that caches know it by.
package struct EndedKey: Sendable {
    package let key: APIKey
    package let hash: String?
}

extension Transaction {
    /// How many valid keys a member may have.
    static let maxKeys = 100

    /// A further key for a member. A key makes none that outlives it; the operator and people with a login are under
    /// no such bound. Refuses `expires_at` that is past or later than the caller's own key's (400), and the 101st
    /// valid key (409).
    package func makeKey(
        _ text: KeyText, name: String?, expiresAt: Int64?, scope: APIKey.Scope? = nil, for member: MemberID,
        by changer: KeyChanger
    ) throws -> APIKey {
        let keys = try lockKeys(of: member, hash: changer.bearerHash)
        let own = try ownKey(keys, changer)
        if let expiresAt, expiresAt <= now {
            throw Refusal.invalid(field: "expires_at", message: "must be in the future")
        }
        guard APIKey.mayMake(until: expiresAt, with: own?.expiresAt) else {
            throw Refusal.invalid(
                field: "expires_at", message: "must not be later than the end of the key that this call came with")
        }
        try checkRoom(keys)
        let key = APIKey(
            id: newKeyID(), member: member, name: name, prefix: text.prefix, createdAt: now, expiresAt: expiresAt,
            scope: scope)
        try insertKey(key, hash: text.hash)
        try record(.apiKeyCreated, key, changer)
        return key
    }

    /// Ends a key at once. Ending it again changes nothing.
    ///
    /// As with Stripe, whose last secret key can be rolled and not deleted, a call that comes with a key may not end
    /// the member's last valid one (409): nobody could act for the member any more, and what it owns would be stranded.
    /// It may rotate it. Nor may a key end one that outlives it (409): a key lent for an hour must not lock its lender
    /// out for good. The operator, and a member that came in by its login, may end any: a key that leaked must be
    /// stopped, and they have another way in.
    package func revokeKey(_ id: KeyID, of member: MemberID, by changer: KeyChanger) throws -> EndedKey {
        let keys = try lockKeys(of: member, hash: changer.bearerHash)
        let own = try ownKey(keys, changer)
        guard let (hash, known) = keys.first(where: { $0.key.id == id && $0.key.revokedAt == nil }) else {
            guard let ended = try self.key(id, of: member) else { throw Refusal.notFound("key") }
            return EndedKey(key: ended, hash: nil)
        }
        var key = known
        // One that is for one thing doesn't count: nobody could act for the member by it.
        let others = keys.contains { $0.key.id != id && $0.key.scope == nil && $0.key.isValid(at: now) }
        if own != nil, key.scope == nil, !others {
            throw Refusal.wrongState("this is your last valid key: rotate it, or make another one first")
        }
        guard own?.id == id || !key.isValid(at: now) || APIKey.mayMake(until: key.expiresAt, with: own?.expiresAt)
        else { throw Refusal.wrongState("this key outlives the one that the call came with") }
        guard try endKey(id) else { return EndedKey(key: key, hash: hash) }
        key.revokedAt = now
        try record(.apiKeyRevoked, key, changer)
        return EndedKey(key: key, hash: hash)
    }

    /// A new key in place of another, with its name and its end. The old one stays valid for `grace` milliseconds (0 to
    /// a day), or until its own end if that comes first. Refuses one that ended (409), and one that outlives the key
    /// that the call came with (409).
    package func rotateKey(
        _ id: KeyID, to text: KeyText, grace: Int64, of member: MemberID, by changer: KeyChanger
    ) throws -> (new: APIKey, old: EndedKey) {
        let keys = try lockKeys(of: member, hash: changer.bearerHash)
        let own = try ownKey(keys, changer)
        guard let (hash, known) = keys.first(where: { $0.key.id == id && $0.key.isValid(at: now) }) else {
            guard try key(id, of: member) != nil else { throw Refusal.notFound("key") }
            throw Refusal.wrongState("this key has ended; make another one")
        }
        var old = known
        guard own?.id == id || APIKey.mayMake(until: old.expiresAt, with: own?.expiresAt) else {
            throw Refusal.wrongState("this key outlives the one that the call came with")
        }
        if grace > 0 { try checkRoom(keys) }
        let new = APIKey(
            id: newKeyID(), member: member, name: old.name, prefix: text.prefix, createdAt: now,
            expiresAt: old.expiresAt, scope: old.scope)
        try insertKey(new, hash: text.hash)
        if grace > 0 {
            let end = now + grace
            try expireKey(id, at: end)
            old.expiresAt = min(old.expiresAt ?? end, end)
        } else {
            _ = try endKey(id)
            old.revokedAt = now
        }
        try record(.apiKeyRotated, old, changer, more: [.init("new_key_id", .string(new.id.text))])
        return (new, EndedKey(key: old, hash: hash))
    }

    /// The key that the call came with, if it was one. It may have ended since the gate let it in.
    private func ownKey(_ keys: [(hash: String, key: APIKey)], _ changer: KeyChanger) throws -> APIKey? {
        guard let own = keys.first(where: { $0.hash == changer.bearerHash })?.key else { return nil }
        guard own.isValid(at: now) else { throw Refusal.credentialEnded }
        return own
    }

    private func checkRoom(_ keys: [(hash: String, key: APIKey)]) throws {
        guard keys.count(where: { $0.key.isValid(at: now) }) < Self.maxKeys else {
            throw Refusal.wrongState("a member has at most \(Self.maxKeys) valid keys: revoke one first")
        }
    }

    func record(_ type: EventType, _ key: APIKey, _ changer: KeyChanger, more: [JSON.Member] = []) throws {
        try record(
            Event(
                owner: OwnerID(key.member.text), type: type, actor: changer.actor, object: key.id.text,
                metadata: JSON.object([.init("prefix", .string(key.prefix))] + more).text(.compact)))
    }

    /// Notes that keys were used about now.
    /// - Parameter hashes: SHA-256 hex of their texts.
    package func noteKeyUses(_ hashes: Set<String>) throws { try setLastUsed(hashes.sorted()) }
}
