package import Domain

/// Machines of one capacity that are offered now.
package struct ResourceClass: Sendable {
    package var machines: Int64
    /// What each of them has; nil of what they don't state.
    package var each: Capacity
    /// What all of them have, and what no running job needs.
    package var total: Capacity
    package var free: Capacity
    /// The lowest that one of them states, minor units of USDT per hour; nil when none does.
    package var lowestPrice: Int64?
    /// How many ask the market's price.
    package var atMarketPrice: Int64
}

/// What an owner's machines say of the market.
struct MarketVote {
    let owner: OwnerID
    let load: MarketLoad
    /// When its machines were last seen at paid work of others; nil when that is too long ago.
    let earnedAt: Int64?

    var isEarning: Bool { load.usedMilliCores > 0 || load.usedMemoryMiB > 0 }

    /// Whether it counts.
    func isValid(at now: Int64) -> Bool { isEarning || earnedAt.map { now - $0 < MarketVotes.window } ?? false }
}

extension Transaction {
    /// A machine that hasn't been heard of for this long is away, in milliseconds: three heartbeats.
    static let awayAfter: Int64 = 90_000

    /// Machines that are heard of, take jobs, and may: their owners consent to an active policy.
    private var offered: SQL {
        """
        offered AS MATERIALIZED (
            SELECT machines.id, machines.owner_id, milli_cores, memory_mib, gpus, labels, isolation, states_price,
                hourly_price
            FROM machines
            WHERE last_heartbeat_at > \(now - Self.awayAfter) AND draining = 0 AND has_capacity = 1
                AND EXISTS (SELECT 1 FROM consents JOIN policies ON policies.id = policy_id
                    WHERE worker_id = machines.id AND revoked_at IS NULL AND policies.state = 'active'
                        AND policies.owner_id = machines.owner_id))
        """
    }

    /// What each owner's machines offer, and how much of that others' paid jobs use; and when it is known to have had
    /// such work last. A job counts with what it is charged for: one core and one GB where it states none.
    func marketVotes() throws -> [MarketVote] {
        // Looked up for each machine, as in `resourceClasses`.
        let sold: SQL = """
            FROM live_jobs JOIN job_classes AS need ON need.id \(.isFound) class_id \(.end)
            WHERE worker_id = offered.id AND live_jobs.state = 'running' AND live_jobs.hourly_price > 0
                AND live_jobs.held > 0 AND live_jobs.owner_id <> offered.owner_id
            """
        return try rows(
            """
            WITH \(sql: offered),
            machines_now AS MATERIALIZED (
                SELECT owner_id, milli_cores, memory_mib,
                    (SELECT SUM(CASE WHEN need.milli_cores > 0 THEN need.milli_cores ELSE 1000 END)
                        \(sql: sold)) AS cores,
                    (SELECT SUM(CASE WHEN need.memory_mib > 0 THEN need.memory_mib ELSE 954 END)
                        \(sql: sold)) AS memory
                FROM offered)
            SELECT owner_id, CAST(COALESCE(SUM(milli_cores), 0) AS BIGINT),
                CAST(SUM(CASE WHEN milli_cores IS NULL THEN 0 ELSE COALESCE(cores, 0) END) AS BIGINT),
                CAST(COALESCE(SUM(memory_mib), 0) AS BIGINT),
                CAST(SUM(CASE WHEN memory_mib IS NULL THEN 0 ELSE COALESCE(memory, 0) END) AS BIGINT),
                (SELECT earned_at FROM market_earners WHERE market_earners.owner_id = machines_now.owner_id)
            FROM machines_now GROUP BY owner_id
            """
        ) { row in
            try MarketVote(
                owner: OwnerID(row.text()),
                load: MarketLoad(
                    milliCores: row.integer(), usedMilliCores: row.integer(), memoryMiB: row.integer(),
                    usedMemoryMiB: row.integer()), earnedAt: row.optionalInteger())
        }
    }

    /// What is offered now, the largest machines first. Reads every machine: for people, not for a hot path.
    package func resourceClasses(offset: Int64, limit: Int) throws -> [ResourceClass] {
        // Looked up for each machine: joined, PostgreSQL would walk all that is used for each of them.
        let running: SQL = """
            FROM live_jobs JOIN job_classes AS need ON need.id \(.isFound) class_id \(.end)
            WHERE worker_id = offered.id AND live_jobs.state = 'running'
            """
        return try rows(
            """
            WITH \(sql: offered),
            machines_now AS MATERIALIZED (
                SELECT milli_cores, memory_mib, gpus, labels, isolation, states_price, hourly_price,
                    (SELECT SUM(need.milli_cores) \(sql: running)) AS cores,
                    (SELECT SUM(need.memory_mib) \(sql: running)) AS memory,
                    (SELECT SUM(need.gpus) \(sql: running)) AS devices
                FROM offered)
            SELECT COUNT(*), milli_cores, memory_mib, gpus, labels, isolation,
                CAST(SUM(milli_cores) AS BIGINT), CAST(SUM(memory_mib) AS BIGINT), CAST(SUM(gpus) AS BIGINT),
                CAST(SUM(CASE WHEN cores > milli_cores THEN 0 ELSE milli_cores - COALESCE(cores, 0) END) AS BIGINT),
                CAST(SUM(CASE WHEN memory > memory_mib THEN 0 ELSE memory_mib - COALESCE(memory, 0) END) AS BIGINT),
                CAST(SUM(CASE WHEN devices > gpus THEN 0 ELSE gpus - COALESCE(devices, 0) END) AS BIGINT),
                MIN(CASE states_price WHEN 1 THEN hourly_price END), CAST(SUM(1 - states_price) AS BIGINT)
            FROM machines_now
            GROUP BY milli_cores, memory_mib, gpus, labels, isolation
            ORDER BY gpus DESC, COALESCE(milli_cores, -1) DESC, COALESCE(memory_mib, -1) DESC, labels,
                COALESCE(isolation, -1) DESC
            LIMIT \(limit) OFFSET \(offset)
            """
        ) { try ResourceClass(&$0) }
    }

    /// The prices that hold now.
    package func marketPrices() throws -> MarketPrices {
        let prices = try first("SELECT \(raw: MarketPrices.columns) FROM market_prices WHERE id = 1") { row in
            try MarketPrices(&row)
        }
        guard let prices else { throw InternalError.unreadable("market_prices") }
        return prices
    }
}

extension ResourceClass {
    init(_ row: inout Row) throws {
        machines = try row.integer()
        each = try Capacity(
            milliCores: row.optionalInteger(), memoryMiB: row.optionalInteger(), gpus: row.integer(),
            labels: row.text().split(separator: "\n").map(String.init))
        each.isolation = try row.optionalInteger().flatMap { Isolation(rank: $0) }
        total = try Capacity(
            milliCores: row.optionalInteger(), memoryMiB: row.optionalInteger(), gpus: row.integer())
        free = try Capacity(milliCores: row.optionalInteger(), memoryMiB: row.optionalInteger(), gpus: row.integer())
        lowestPrice = try row.optionalInteger()
        atMarketPrice = try row.integer()
    }
}
