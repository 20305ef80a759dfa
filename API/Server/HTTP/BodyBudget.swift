internal import HTTPTypes
internal import Synchronization

/// How many bytes of bodies that aren't answered yet are in memory, of all and of each tenant. The first of each body
/// don't count, so that no small call is ever refused: only by its size can a body be in the way of others.
final class BodyBudget: Sendable {
    enum Limit: String, CaseIterable {
        case process
        case owner
    }

    private struct State {
        var total = 0
        var tenants: [String: Int] = [:]
        var refused: [Limit: Int64] = [:]
    }

    /// So many bytes of each body are free.
    static let free = 16 << 10
    /// What a file takes that is packed and written while it comes, however large it is: at first.
    static let ofStream = 3 << 20

    private let state = Mutex(State())
    private let most: Int
    private let mostOfTenant: Int

    /// - Parameters:
    ///   - most: bytes, of all.
    ///   - mostOfTenant: bytes, of each.
    init(most: Int, mostOfTenant: Int) {
        self.most = most
        self.mostOfTenant = mostOfTenant
    }

    /// Throws 429 when the tenant has as many as it may, 503 when all have.
    func take(_ bytes: Int, of tenant: String) throws(Problem) {
        let limit: Limit? = state.withLock { state in
            let own = state.tenants[tenant, default: 0]
            let limit: Limit? =
                if own + bytes > mostOfTenant { .owner } else if state.total + bytes > most { .process } else { nil }
            if let limit {
                state.refused[limit, default: 0] += 1
                return limit
            }
            state.tenants[tenant] = own + bytes
            state.total += bytes
            return nil
        }
        switch limit {
        case nil: return
        case .owner?:
            throw Problem(
                .tooManyRequests, "too_many_bytes",
                "your requests have \(mostOfTenant >> 20) MiB of bodies under way, which is the limit of one owner "
                    + "(HATCHFARM_BODY_MB_PER_OWNER); send this one when others are answered",
                headers: [.retryAfter: "1"])
        case .process?:
            throw .unavailable(
                "all requests have \(most >> 20) MiB of bodies under way, which is the limit of the server "
                    + "(HATCHFARM_BODY_MB); try again in 1 s", code: "too_many_bytes")
        }
    }

    func give(_ bytes: Int, of tenant: String) {
        state.withLock { state in
            state.total -= bytes
            let own = state.tenants[tenant, default: 0] - bytes
            state.tenants[tenant] = own > 0 ? own : nil
        }
    }

    /// Bytes in memory that count.
    var total: Int { state.withLock(\.total) }

    func refused(by limit: Limit) -> Int64 { state.withLock { $0.refused[limit, default: 0] } }
}

/// What one call has taken of the budget, and whom it is counted for.
struct BodyShare {
    var tenant: String?
    var taken = 0
}

extension Call {
    /// Whom its body is counted for, from now on; the address that it comes from until then.
    func setTenant(_ tenant: String?) {
        guard let tenant else { return }
        share.withLock { if $0.taken == 0 { $0.tenant = tenant } }
    }

    /// Makes what it has of the budget so many bytes at least. Throws as `BodyBudget.take`.
    func takeShare(upTo bytes: Int) throws(Problem) {
        let (tenant, more) = share.withLock { ($0.tenant ?? address, bytes - $0.taken) }
        guard more > 0 else { return }
        try dependencies.bodies.take(more, of: tenant)
        share.withLock { share in
            share.tenant = tenant
            share.taken += more
        }
    }

    /// Gives back what it has: its body is nobody's any more.
    func giveShare() {
        let (tenant, taken) = share.withLock { share in
            defer { share.taken = 0 }
            return (share.tenant ?? address, share.taken)
        }
        if taken > 0 { dependencies.bodies.give(taken, of: tenant) }
    }
}
