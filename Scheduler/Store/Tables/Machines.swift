internal import Bytes
internal import Domain

extension Transaction {
    func insertMachine(_ machine: Machine, tokenHash: String) throws {
        let capacity = machine.capacity
        try executeLater(
            """
            INSERT INTO machines (id, owner_id, name, token_hash, milli_cores, memory_mib, gpus, labels, isolation,
                has_capacity, hourly_price, states_price, created_at)
            VALUES (\(machine.id.text), \(machine.owner.text), \(machine.name), \(tokenHash),
                \(capacity?.milliCores), \(capacity?.memoryMiB), \(capacity?.gpus ?? 0),
                \(capacity?.labels.joined(separator: "\n") ?? ""), \(capacity?.isolation?.rank),
                \(capacity != nil), \(machine.hourlyPrice ?? 0), \(machine.hourlyPrice != nil), \(now))
            """)
    }

    /// Its owner; consents to it are given one after the other.
    func lockMachine(_ id: MachineID) throws -> OwnerID? {
        try first("SELECT owner_id FROM machines WHERE id = \(id.text) \(.forUpdate)") { try OwnerID($0.text()) }
    }

    func owners(ofMachines ids: Set<MachineID>) throws -> [MachineID: OwnerID] {
        guard !ids.isEmpty else { return [:] }
        let wanted = ids.map(\.text).sorted()
        let found = try rows("SELECT id, owner_id FROM machines WHERE id \(in: wanted)") { row in
            try (MachineID(row.text()), OwnerID(row.text()))
        }
        return Dictionary(found) { first, _ in first }
    }

    func holdsLease(_ id: MachineID) throws -> Bool {
        try first("SELECT 1 FROM live_jobs WHERE worker_id = \(id.text) AND state = 'running' LIMIT 1") {
            try $0.integer()
        } != nil
    }

    /// One that is locked; it counts no more as its owner's.
    func deleteMachine(_ id: MachineID, of owner: OwnerID) throws {
        try executeLater("DELETE FROM machines WHERE id = \(id.text)")
        try executeLater(
            "UPDATE machine_counts SET machines = machines - 1 WHERE owner_id = \(owner.text) AND machines > 0")
    }

    func setDraining(_ id: MachineID, _ draining: Bool) throws {
        try executeLater("UPDATE machines SET draining = \(draining) WHERE id = \(id.text)")
    }

    /// What is remembered of these machines' heartbeats; their rows are locked in the order of ids. Those that another
    /// transaction has are left out, unless this `waits` for them.
    func lockBeatTrails(_ ids: Set<MachineID>, waits: Bool) throws -> [MachineID: BeatTrail] {
        let lock: Clause = waits ? .forUpdate : .skipLocked
        var trails: [MachineID: BeatTrail] = [:]
        try SQL.chunked(ids.map(\.text).sorted()) { chunk in
            let found = try rows(
                """
                SELECT id, last_heartbeat_at, heartbeat_policy_id, heartbeat_recorded_at FROM machines
                WHERE id \(in: chunk) ORDER BY id \(lock)
                """
            ) { row in
                try (
                    MachineID(row.text()),
                    BeatTrail(
                        lastAt: row.optionalInteger(), policy: row.optionalText().map { PolicyID($0) },
                        recordedAt: row.optionalInteger())
                )
            }
            for (id, trail) in found { trails[id] = trail }
        }
        return trails
    }

    /// One for each machine.
    func writeBeats(_ beats: [MachineBeat], _ trails: [MachineID: BeatTrail]) throws {
        let beats = SQL.Rows("beats", ["machine", "now_metrics", "now_policy", "now_recorded"], of: beats) { beat in
            [
                .text(beat.worker.text), .text(beat.metrics), .text(beat.policy.text),
                .integer(trails[beat.worker]?.recordedAt),
            ]
        }
        try executeLater(
            """
            UPDATE machines SET last_heartbeat_at = \(now), metrics = \(beats.now_metrics),
                heartbeat_policy_id = \(beats.now_policy), heartbeat_recorded_at = \(beats.now_recorded)
            \(from: beats) WHERE machines.id \(is: beats.machine)
            """)
    }

    /// What a worker may be given at this moment: its machine, an unrevoked consent to an active policy of its owner
    /// and that policy's hours, what it asks, and what its running jobs leave free. It is void when that is nothing.
    /// The consent is locked against being revoked until the commit.
    func offer(_ claim: Claim) throws -> Offer {
        var offer = claim.offer
        // `COALESCE` keeps PostgreSQL from looking anything up by its owner, or walking all policies in their order.
        let limits = try first(
            """
            SELECT machines.owner_id, milli_cores, memory_mib, gpus, labels, machines.isolation, has_capacity,
                hourly_price, draining, max_job_minutes, policies.isolation, network, allowed_hours, timezone,
                states_price, \(raw: MarketPrices.columns)
            FROM machines JOIN market_prices ON market_prices.id = 1
                JOIN consents ON consents.worker_id = machines.id AND revoked_at IS NULL
                JOIN policies ON policies.id \(.isFound) policy_id \(.end) AND policies.state = 'active'
                    AND COALESCE(policies.owner_id, '') = COALESCE(machines.owner_id, '')
            WHERE machines.id = \(offer.worker)
            ORDER BY consents.created_at DESC, consents.id LIMIT 1 \(.shareConsents)
            """
        ) { row in
            var limits = try MachineLimits(&row, prices: nil)
            limits.ask(try MarketPrices(&row).current)
            return limits
        }
        guard let limits else { return offer.void }
        offer.network = limits.network
        guard !limits.isDraining, limits.isOpen(at: now) else { return offer.void }
        offer.owner = limits.owner.text
        offer.asking = limits.asking
        offer.maxMinutes = limits.maxMinutes
        offer.leastIsolation = limits.leastIsolation
        if let isolation = limits.isolation { offer.isolation = min(isolation, offer.isolation) }
        guard let capacity = limits.capacity else { return offer }
        let used = try usage(of: MachineID(offer.worker))
        offer.milliCores = least(offer.milliCores, capacity.milliCores.map { max(0, $0 - used.milliCores) })
        offer.memoryMiB = least(offer.memoryMiB, capacity.memoryMiB.map { max(0, $0 - used.memoryMiB) })
        let gpus = max(0, capacity.gpus - used.gpus)
        offer.gpus = claim.statesCapacity ? min(offer.gpus, gpus) : gpus
        offer.labels = claim.statesCapacity ? offer.labels : Set(capacity.labels)
        return offer
    }

    private func least(_ left: Int64?, _ right: Int64?) -> Int64? {
        guard let left, let right else { return left ?? right }
        return min(left, right)
    }
}

/// What bounds a machine's claims, and what it asks.
struct MachineLimits {
    let owner: OwnerID
    let capacity: Capacity?
    private(set) var asking: Asking
    let isDraining: Bool
    let maxMinutes: Int64?
    let isolation: Isolation?
    let leastIsolation: Isolation
    let network: Bool
    /// As `PolicyRules.hourBits`.
    private let hours: Int64?
    private let timezone: String?
    /// nil: it asks the market's.
    private let hourlyPrice: Int64?
    private var hasPolicy = true

    /// - Parameter prices: the market's; nil reads none, and no policy's id behind the rest: one is there.
    init(_ row: inout Row, prices: UnitPrices?) throws {
        owner = try OwnerID(row.text())
        let milliCores = try row.optionalInteger()
        let memoryMiB = try row.optionalInteger()
        let gpus = try row.integer()
        let labels = try row.text().split(separator: "\n").map(String.init)
        isolation = try row.optionalInteger().flatMap { Isolation(rank: $0) }
        let hasCapacity = try row.bool()
        capacity =
            hasCapacity ? Capacity(milliCores: milliCores, memoryMiB: memoryMiB, gpus: gpus, labels: labels) : nil
        let price = try row.integer()
        isDraining = try row.bool()
        maxMinutes = try row.optionalInteger()
        leastIsolation = try row.optionalInteger().flatMap { Isolation(rank: $0) } ?? .none
        network = try row.optionalInteger() == 1
        hours = try row.optionalInteger()
        timezone = try row.optionalText()
        hourlyPrice = try row.bool() ? price : nil
        asking = .stated(hourlyPrice ?? 0)
        guard let prices else { return }
        hasPolicy = try row.optionalText() != nil
        ask(prices)
    }

    /// A machine that states no price asks the market's.
    mutating func ask(_ prices: UnitPrices) { if hourlyPrice == nil { asking = .market(prices) } }

    /// Whether the policy allows jobs at this instant. In a zone that isn't known, it allows none.
    func isOpen(at instant: Int64) -> Bool {
        guard let hours else { return true }
        guard let zone = timezone.map(Zone.init) ?? .utc else { return false }
        return hours >> zone.hour(at: instant) & 1 == 1
    }

    /// What the machine offers when nothing runs on it, by the rules of `offer`; nil when it may be given nothing now.
    /// What it doesn't state only its claims tell: but for labels it counts as enough.
    func idleOffer(at instant: Int64) -> Offer? {
        guard hasPolicy, !isDraining, isOpen(at: instant) else { return nil }
        var offer = Offer(worker: "", owner: "", kinds: [.compute])
        offer.asking = asking
        offer.maxMinutes = maxMinutes
        offer.leastIsolation = leastIsolation
        offer.isolation = isolation ?? .sandbox
        offer.milliCores = capacity?.milliCores
        offer.memoryMiB = capacity?.memoryMiB
        offer.gpus = capacity.map(\.gpus) ?? .max
        offer.labels = Set(capacity?.labels ?? [])
        return offer
    }
}
