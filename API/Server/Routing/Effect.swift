package import Domain
internal import HTTPTypes
package import Store

/// What an operation does in one transaction. The caller's admission (`TransactionalContext`), the quota of the day,
/// the effect and the answer kept under the call's `Idempotency-Key` are one commit; a refused call leaves nothing.
package struct Effect<Value>: Sendable {
    /// Whom the idempotency key is private to; nil takes none.
    let keyOwner: OwnerID?
    let run: @Sendable (Transaction) throws -> Value

    /// - Parameter owner: whom the idempotency key is private to.
    package init(for owner: OwnerID, _ run: @escaping @Sendable (Transaction) throws -> Value) {
        keyOwner = owner
        self.run = run
    }

    /// Without an idempotency key.
    package init(_ run: @escaping @Sendable (Transaction) throws -> Value) {
        keyOwner = nil
        self.run = run
    }
}

/// A caller of whom the transaction of the operation itself asks whether it may: a nonce that is spent, a ban, a
/// registration.
package protocol TransactionalContext: CallContext {
    /// Throws a refusal, which undoes all. May run again.
    func admit(in transaction: Transaction) throws
}

extension Effect {
    /// Runs it for a caller, and answers.
    func reply(_ success: Success<Value>, for call: Call, by context: some CallContext) async throws -> Reply {
        let daily = call.route.quotas.compactMap(\.daily)
        let subject = context.quotaSubject ?? call.address
        let admission = context as? any TransactionalContext
        let admit: @Sendable (Transaction) throws -> Void = { try admission?.admit(in: $0) }
        let body = try await call.body()
        let answer = try await call.once(for: keyOwner, body, admit: admit) { tx in
            call.noteDaily(try daily.map { try tx.takeDaily($0, by: subject) })
            return success.stored(try run(tx), for: call)
        }
        return success.isTagged ? .tagged(Reply(answer), Array(answer.body.utf8), for: call) : Reply(answer)
    }
}
