package import Domain
internal import HTTPTypes
package import Store

extension Call {
    /// The client's `Idempotency-Key`, private to the owner, this operation and the thing that its path names, and
    /// bound to the body (CONTRACT 4); nil when there is none. Throws 400 unless it is 1–255 visible ASCII.
    package func idempotencyKey(for owner: OwnerID, _ body: Body) throws(Problem) -> IdempotencyKey? {
        guard let key = header(.idempotencyKey) else { return nil }
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
            throw Problem(.badRequest, "invalid_idempotency_key", "Idempotency-Key must be 1–255 visible ASCII")
        }
        return IdempotencyKey(owner: owner, endpoint: place, key: key, bodyHash: body.sha256)
    }

    /// Runs the effect in one transaction, with its answer when the call has a key; a repeated call gets the first
    /// one's answer. Throws `Refusal.keyReused` when the body is another.
    ///
    /// The same call may come twice at once. When its twin was first, this one conflicts with the kept answer, or is
    /// refused for what the twin took (money, a quota): either way the answer is there by then.
    ///
    /// - Parameters:
    ///   - owner: whom the key is private to; nil takes none.
    ///   - admit: asked in the transaction before all else, of a repeated call too.
    package func once(
        for owner: OwnerID?, _ body: Body, admit: @escaping @Sendable (Transaction) throws -> Void = { _ in },
        _ effect: @escaping @Sendable (Transaction) throws -> StoredAnswer
    ) async throws -> StoredAnswer {
        let key = try owner.flatMap { owner throws(Problem) in try idempotencyKey(for: owner, body) }
        let run: @Sendable (Transaction) throws -> StoredAnswer = { tx in
            self.forgetDaily()
            try admit(tx)
            return try tx.once(key) { try effect(tx) }
        }
        do {
            return try await dependencies.database.write(run)
        } catch DatabaseError.conflict where key != nil {
            return try await dependencies.database.write(run)
        } catch let refusal as Refusal where key != nil {
            return try await dependencies.database.write { tx in
                self.forgetDaily()
                return try tx.once(key) { throw refusal }
            }
        }
    }
}

extension Reply {
    /// A kept answer, in the words it was first given in.
    package init(_ answer: StoredAnswer) {
        self = .json(.init(code: answer.status), bytes: Array(answer.body.utf8))
        if let location = answer.location { self = with(.location, location) }
        if answer.isReplayed { self = with(.replayed, "true") }
    }
}
