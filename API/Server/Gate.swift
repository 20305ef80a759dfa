internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Who is calling: looks credentials up, remembers them for a moment, and meters those who have none.
final class Gate: Sendable {
    let services: Services
    let addresses: RateLimiter
    let owners: RateLimiter
    private let members: CredentialCache<Member>
    let logins: CredentialCache<SignedIn>
    /// The owner of the machine, by the token and the machine's id.
    private let machines: CredentialCache<OwnerID>
    private let operatorDigest: [UInt8]

    /// How long a revoked key may still be taken.
    private static let freshMilliseconds: Int64 = 5_000

    init(_ services: Services) {
        let configuration = services.configuration
        let clock = services.world.monotonic
        self.services = services
        addresses = RateLimiter(configuration.addressRate, clock: clock)
        owners = RateLimiter(configuration.memberRate, clock: clock)
        members = CredentialCache(fresh: Self.freshMilliseconds, clock: clock)
        logins = CredentialCache(fresh: Self.freshMilliseconds, clock: clock)
        machines = CredentialCache(fresh: Self.freshMilliseconds, clock: clock)
        operatorDigest = SHA256.hash(configuration.operatorToken)
    }

    func member(_ call: Call) async throws -> MemberContext {
        let (bearer, digest) = try credential(call, call.bearer)
        let named = call.header(.ownerID)
        if isOperator(digest) {
            guard let named else {
                throw Problem(.badRequest, "missing_owner", "X-Owner-ID must name the owner to act for")
            }
            guard OwnerID.isValid(named) else {
                throw Problem(.badRequest, "invalid_owner", "X-Owner-ID must be 1–128 of A–Z a–z 0–9 _ . : @ -")
            }
            return MemberContext(owner: OwnerID(named), member: nil, kind: .operatorToken, bearer: bearer)
        }
        let (member, kind) = try await holder(call, bearer, digest)
        guard named == nil || named == member.owner.text else {
            throw Problem.forbidden("X-Owner-ID names another owner than the credential's")
        }
        return MemberContext(owner: member.owner, member: member, kind: kind, bearer: bearer)
    }

    func `operator`(_ call: Call) async throws -> OperatorContext {
        let (bearer, digest) = try credential(call, call.bearer)
        if isOperator(digest) { return OperatorContext(bearer: bearer, actor: "operator") }
        let member = try await holder(call, bearer, digest).0
        guard member.role == .admin else { throw Problem.forbidden("this is for the operator") }
        return OperatorContext(bearer: bearer, actor: member.id.text)
    }

    func worker(_ call: Call) async throws -> WorkerContext {
        let (token, digest) = try credential(call, call.header(.machineToken))
        let id = call.parameter("worker", as: MachineID.self)
        let owner = try await known(call, machines, key: digest + id.text.utf8) { [services] in
            let machine = try await services.database.read { try $0.machineCredential(id) }
            guard let machine, constantTimeEqual(machine.tokenHash, Hex.encode(digest)) else { return nil }
            return machine.owner
        }
        return WorkerContext(worker: id, owner: owner, token: token)
    }

    /// Whose an API key or a login's token is.
    private func holder(
        _ call: Call, _ bearer: String, _ digest: [UInt8]
    ) async throws -> (Member, MemberContext.Kind) {
        if CompactToken.isOne(bearer) { return (try await signedIn(call, bearer, digest), .login) }
        return (try await member(call, digest), .apiKey)
    }

    private func member(_ call: Call, _ digest: [UInt8]) async throws -> Member {
        try await known(call, members, key: digest) { [services] in
            let hash = Hex.encode(digest)
            return try await services.database.read { try $0.member(keyHash: hash) }
        }
    }

    private func isOperator(_ digest: [UInt8]) -> Bool { constantTimeEqual(digest, operatorDigest) }

    /// The text of a credential and its SHA-256; 401 when there is none.
    private func credential(_ call: Call, _ text: String?) throws(Problem) -> (String, [UInt8]) {
        guard let text, (1...4_096).contains(text.utf8.count) else { throw try refusal(call) }
        return (text, SHA256.hash(text))
    }

    /// Whose the credential is. An address that failed too often is refused before anything is looked up, except with
    /// a credential that was good a while ago: a neighbour's guessing locks nobody out.
    func known<Holder: Sendable>(
        _ call: Call, _ cache: CredentialCache<Holder>, key: [UInt8],
        _ lookUp: () async throws -> Holder?
    ) async throws -> Holder {
        switch cache.recall(key) {
        case .fresh(let holder): return holder
        case .unknown:
            if let wait = addresses.wait(call.address) { throw Problem.tooMany(retryAfter: wait) }
        case .stale: break
        }
        guard let holder = try await lookUp() else {
            cache.forget(key)
            throw try refusal(call)
        }
        cache.remember(holder, for: key)
        return holder
    }

    /// Charges the address for a credential that was none.
    func refusal(_ call: Call) throws(Problem) -> Problem {
        if case .calls = call.route.metering { try call.chargeAddress() }
        return .unauthorized(call.served.dialect.unauthorized)
    }
}
