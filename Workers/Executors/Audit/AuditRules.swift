internal import Domain
internal import Egress
internal import Runtime

/// What a worker allows the fetch of an audit's repository. The audit's tests never have network access.
struct AuditRules: Sendable {
    var schemes: Set<AuditScheme> = [.https]
    /// The hosts that a fetch may reach, also when it is redirected; `nil`: only the repository's own.
    var allowlist: [String]?
    var addresses = AddressRules()
    /// The most that an audit takes, within the limit of its job.
    var milliseconds: Int64 = .max
    /// The time limit of a fetch, within that of the job.
    var fetchMilliseconds: Int64 = 120_000
    /// Bytes on disk, of the fetched objects and of the branch's files, each; also the traffic limit.
    var bytes: Int64 = 256 << 20
    /// Files and folders of the branch.
    var files = 100_000
    var memoryBytes: Int64 = 1 << 30
    /// How often a server is tried that can't be reached, and the pause in between.
    var attempts = 3
    var pauseMilliseconds: Int64 = 2_000
    /// Free bytes of the state folder's disk below which a failure is the machine's.
    var reservedBytes: Int64 = 64 << 20

    init(schemes: Set<AuditScheme> = [.https]) {
        self.schemes = schemes
    }

    /// A policy that gives jobs network access limits fetches to the same hosts. One that doesn't, or has no list,
    /// still allows a fetch to the repository's own host, as audits can be turned off.
    init(_ configuration: WorkerConfiguration) {
        schemes = configuration.auditSchemes
        addresses = AddressRules(allowsPrivate: configuration.allowsPrivateNetwork)
        if configuration.rules.network == true, !configuration.allowedDomains.isEmpty {
            allowlist = configuration.allowedDomains
        }
    }

    /// What this worker's own settings keep it from fetching: no fault of the repository's.
    struct Refusal: Error {
        let reason: String
    }

    func check(_ url: String) throws(Refusal) {
        guard let known = try? RepositoryURL(url, schemes: Set(AuditScheme.allCases)) else { return }
        guard !schemes.contains(known.scheme) else { return }
        throw Refusal(reason: RepositoryURL.unfetched(known.scheme, by: schemes))
    }

    /// - Throws: when the allowlist is invalid.
    func egress(to server: String) throws(EgressHost.Problem) -> EgressRules {
        var rules = try EgressRules(domains: allowlist ?? [server])
        rules.addresses = addresses
        rules.bytes = bytes
        rules.connections = 8
        rules.idleMilliseconds = min(60_000, fetchMilliseconds)
        return rules
    }
}
