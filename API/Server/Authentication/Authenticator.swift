internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Logging
internal import Store

/// Who is calling: looks credentials up, remembers them for a moment, and meters those who have none.
final class Authenticator: Sendable {
    let dependencies: Dependencies
    let addresses: RateLimiter
    let owners: RateLimiter
    let meters = QuotaMeters()
    private let members: CredentialCache<KeyHolder>
    let logins: CredentialCache<SignedIn>
    /// The owner of the machine, by the token and the machine's id.
    private let machines: CredentialCache<OwnerID>
    private let operatorDigest: [UInt8]

    private let logger = Logger(label: "authenticator")

    /// How long a key that another process revoked may still be taken here, when the hint of it was lost (PostgreSQL)
    /// or there are none (SQLite); here the key ends at once. The same for a role that was changed.
    private static let freshMilliseconds: Int64 = 2_000

    init(_ dependencies: Dependencies) {
        let configuration = dependencies.configuration
        let clock = dependencies.world.monotonic
        self.dependencies = dependencies
        addresses = RateLimiter(configuration.addressRate, clock: clock)
        owners = RateLimiter(configuration.memberRate, clock: clock)
        members = CredentialCache(fresh: Self.freshMilliseconds, clock: clock)
        logins = CredentialCache(fresh: Self.freshMilliseconds, clock: clock)
        machines = CredentialCache(fresh: Self.freshMilliseconds, clock: clock)
        operatorDigest = SHA256.hash(configuration.operatorToken)
    }

    func member(_ call: Call) async throws -> MemberContext {
        let (bearer, digest) = try credential(call, call.bearer)
        if isOperator(digest) {
            return MemberContext(owner: try call.namedOwner(), member: nil, kind: .operatorToken, bearer: bearer)
        }
        let named = call.header(.ownerID)
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
        let id = try call.parameter("worker", as: MachineID.self)
        let owner = try await known(call, machines, key: digest + id.text.utf8) { [dependencies] in
            let machine = try await dependencies.database.read { try $0.machineCredential(id) }
            guard let machine, constantTimeEqual(machine.tokenHash, Hex.encode(digest)) else { return nil }
            return machine.owner
        }
        return WorkerContext(worker: id, owner: owner, token: token)
    }

    /// Whose an API key or a login's token is.
    private func holder(
        _ call: Call, _ bearer: String, _ digest: [UInt8]
    ) async throws -> (Member, MemberContext.Kind) {
        if CompactToken.isOne(bearer) { return (try await signedIn(call, bearer, digest).member, .login) }
        return (try await member(call, digest), .apiKey)
    }

    /// Who holds an API key or a login's token that came otherwise than in `Authorization`. Throws 401 or 429.
    func holder(_ call: Call, of text: String?) async throws -> CredentialHolder {
        let (bearer, digest) = try credential(call, text)
        guard CompactToken.isOne(bearer) else {
            let member = try await member(call, digest)
            return CredentialHolder(member: member, name: member.handle ?? member.id.text, expiresIn: nil)
        }
        let login = try await signedIn(call, bearer, digest)
        let left = login.claims.exp * 1_000 - dependencies.world.now()
        return CredentialHolder(member: login.member, name: login.claims.sub, expiresIn: max(0, left))
    }

    /// Who may read the figures of all: the operator, an admin, or a key that is for that alone.
    func metricsReader(_ call: Call) async throws -> MetricsContext {
        let (bearer, digest) = try credential(call, call.bearer)
        if isOperator(digest) { return MetricsContext() }
        let isAllowed: Bool
        if CompactToken.isOne(bearer) {
            isAllowed = try await signedIn(call, bearer, digest).member.role == .admin
        } else {
            let key = try await keyHolder(call, digest)
            isAllowed = key.scope == .metricsRead || key.scope == nil && key.member.role == .admin
        }
        guard isAllowed else {
            throw Problem.forbidden("this is for the operator, or a key of `hatchfarm admin key metrics`")
        }
        return MetricsContext()
    }

    private func member(_ call: Call, _ digest: [UInt8]) async throws -> Member {
        let holder = try await keyHolder(call, digest)
        if let scope = holder.scope { throw Problem.forbidden("this key is for \(scope.rawValue) alone") }
        return holder.member
    }

    private func keyHolder(_ call: Call, _ digest: [UInt8]) async throws -> KeyHolder {
        try await known(call, members, key: digest, expiresIn: \.expiresIn) { [dependencies] in
            let hash = Hex.encode(digest)
            guard let holder = try await dependencies.database.read({ try $0.keyHolder(hash: hash) }) else {
                return nil
            }
            // A key in use is looked up every few seconds: often enough to know when it was used.
            dependencies.keyUses.note(hash)
            return holder
        }
    }

    /// Ends keys here at once, and tells other processes. To be called after the commit, with SHA-256 hex.
    func forget(keys hashes: [String]) async {
        members.drop(hashes.compactMap(Hex.decode))
        do {
            try await KeyHints.send(.ended(hashes), dependencies.database)
        } catch {
            logger.warning("other servers may take a key for a moment that was revoked here: \(error)")
        }
    }

    /// Forgets keys that other processes ended. Runs until the task is cancelled or the database closed.
    func listen() async {
        await KeyHints.listen(dependencies.database) { [members, logins] hint in
            switch hint {
            case .ended(let hashes): members.drop(hashes.compactMap(Hex.decode))
            case .all:
                members.drop(nil)
                logins.drop(nil)
            }
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
    /// - Parameter expiresIn: in how many milliseconds the credential ends by itself.
    func known<Holder: Sendable>(
        _ call: Call, _ cache: CredentialCache<Holder>, key: [UInt8], expiresIn: (Holder) -> Int64? = { _ in nil },
        _ lookUp: () async throws -> Holder?
    ) async throws -> Holder {
        switch cache.recall(key) {
        case .fresh(let holder): return holder
        case .unknown:
            if let wait = addresses.wait(call.address) { throw Problem.tooMany(retryAfter: wait) }
        case .stale: break
        }
        let drops = cache.drops
        guard let holder = try await lookUp() else {
            cache.forget(key)
            throw try refusal(call)
        }
        cache.remember(holder, for: key, expiresIn: expiresIn(holder), drops: drops)
        return holder
    }

    /// Charges the address for a credential that was none.
    func refusal(_ call: Call) throws(Problem) -> Problem {
        if case .calls = call.route.metering { try call.chargeAddress() }
        return .unauthorized(call.served.system.unauthorized)
    }
}
