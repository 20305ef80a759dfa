package import Domain
internal import HTTPTypes

/// What a handler knows of its caller. A handler names the context it needs, so none is reached by a caller who
/// didn't earn it.
package protocol CallContext: Sendable {
    static var authentication: Authentication { get }
    /// The caller's context; throws 401, 403 or 429. May read the body.
    static func admit(_ call: Call) async throws -> Self
    /// Whom the quotas of a route count by; nil: the address.
    var quotaSubject: String? { get }
    /// Whom the bytes of its bodies are counted for; nil: the address.
    var tenant: String? { get }
}

extension CallContext {
    package var quotaSubject: String? { nil }
    package var tenant: String? { quotaSubject }
}

/// Anyone.
package struct PublicContext: CallContext {
    package static let authentication = Authentication.none

    /// A member who only reads is metered as a member; whoever writes here is nobody yet, and metered as such, like one
    /// whose credential is none or can't be looked up now.
    package static func admit(_ call: Call) async throws -> PublicContext {
        guard case .calls = call.route.metering else { return PublicContext() }
        if call.route.method == .get, call.bearer != nil, let member = try? await call.authenticator.member(call) {
            if let wait = call.authenticator.owners.take(member.owner.text) { throw Problem.tooMany(retryAfter: wait) }
        } else {
            try call.chargeAddress()
        }
        return PublicContext()
    }
}

/// A member, or the operator in an owner's name (CONTRACT 3).
package struct MemberContext: CallContext {
    package static let authentication = Authentication.bearer(owner: .optional)

    package enum Kind: Sendable { case apiKey, login, operatorToken }

    /// Whom the call acts for.
    package let owner: OwnerID
    /// nil when it is the operator.
    package let member: Member?
    package let kind: Kind
    /// The credential's text: the key of policy and consent signatures (CONTRACT 5).
    package let bearer: String

    package static func admit(_ call: Call) async throws -> MemberContext {
        let context = try await call.authenticator.member(call)
        if let wait = call.authenticator.owners.take(context.owner.text) { throw Problem.tooMany(retryAfter: wait) }
        return context
    }

    package var quotaSubject: String? { owner.text }

    /// Throws 403 unless `owner` is the one that the call acts for.
    package func require(_ owner: String) throws(Problem) {
        guard owner == self.owner.text else { throw .forbidden("that is another owner's") }
    }
}

/// A machine with its token, on a path that names it as `{worker}`.
package struct WorkerContext: CallContext {
    package static let authentication = Authentication.machineToken

    package let worker: MachineID
    package let owner: OwnerID
    package let token: String

    package var quotaSubject: String? { worker.text }
    package var tenant: String? { owner.text }

    package static func admit(_ call: Call) async throws -> WorkerContext {
        let context = try await call.authenticator.worker(call)
        if let wait = call.authenticator.owners.take(context.worker.text) { throw Problem.tooMany(retryAfter: wait) }
        return context
    }
}

/// Whoever may read the figures of all tenants: the operator, or a key that is for that alone (CONTRACT 10).
package struct MetricsContext: CallContext {
    package static let authentication = Authentication.bearer(owner: .unused)

    package static func admit(_ call: Call) async throws -> MetricsContext {
        try await call.authenticator.metricsReader(call)
    }
}

/// The operator's token, or a member whose role is admin.
package struct OperatorContext: CallContext {
    package static let authentication = Authentication.bearer(owner: .unused)

    package let bearer: String
    /// Who it is, for the audit log.
    package let actor: String

    package static func admit(_ call: Call) async throws -> OperatorContext {
        try await call.authenticator.operator(call)
    }
}
