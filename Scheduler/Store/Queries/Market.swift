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

extension Transaction {
    /// A machine that hasn't been heard of for this long is away, in milliseconds: three heartbeats.
    static let awayAfter: Int64 = 90_000

    /// Machines that are heard of, take jobs, and may: their owners consent to an active policy.
    private var offered: SQL {
        """
        offered AS MATERIALIZED (
            SELECT machines.id, milli_cores, memory_mib, gpus, labels, isolation, states_price, hourly_price
            FROM machines
            WHERE last_heartbeat_at > \(now - Self.awayAfter) AND draining = 0 AND has_capacity = 1
                AND EXISTS (SELECT 1 FROM consents JOIN policies ON policies.id = policy_id
                    WHERE worker_id = machines.id AND revoked_at IS NULL AND policies.state = 'active'
                        AND policies.owner_id = machines.owner_id))
        """
    }

    /// How much of what is offered is in use. A job counts with what it is charged for: one core and one GB where it
    /// states none.
    func marketLoad() throws -> MarketLoad {
        let load = try first(
            """
            WITH \(sql: offered),
            used AS MATERIALIZED (
                SELECT CASE WHEN offered.milli_cores IS NULL THEN 0 WHEN need.milli_cores > 0 THEN need.milli_cores
                        ELSE 1000 END AS cores,
                    CASE WHEN offered.memory_mib IS NULL THEN 0 WHEN need.memory_mib > 0 THEN need.memory_mib
                        ELSE 954 END AS memory
                FROM offered JOIN live_jobs ON worker_id = offered.id AND live_jobs.state = 'running'
                    JOIN job_classes AS need ON need.id = class_id)
            SELECT (SELECT CAST(COALESCE(SUM(milli_cores), 0) AS BIGINT) FROM offered),
                (SELECT CAST(COALESCE(SUM(cores), 0) AS BIGINT) FROM used),
                (SELECT CAST(COALESCE(SUM(memory_mib), 0) AS BIGINT) FROM offered),
                (SELECT CAST(COALESCE(SUM(memory), 0) AS BIGINT) FROM used)
            """
        ) { row in
            try MarketLoad(
                milliCores: row.integer(), usedMilliCores: row.integer(), memoryMiB: row.integer(),
                usedMemoryMiB: row.integer())
        }
        return load ?? MarketLoad(milliCores: 0, usedMilliCores: 0, memoryMiB: 0, usedMemoryMiB: 0)
    }

    /// What is offered now, the largest machines first. Reads every machine: for people, not for a hot path.
    package func resourceClasses(offset: Int64, limit: Int) throws -> [ResourceClass] {
        try rows(
            """
            WITH \(sql: offered),
            used AS MATERIALIZED (
                SELECT worker_id, CAST(SUM(milli_cores) AS BIGINT) AS cores, CAST(SUM(memory_mib) AS BIGINT) AS memory,
                    CAST(SUM(gpus) AS BIGINT) AS devices
                FROM live_jobs JOIN job_classes ON job_classes.id = class_id
                WHERE live_jobs.state = 'running' AND worker_id IN (SELECT id FROM offered) GROUP BY worker_id)
            SELECT COUNT(*), milli_cores, memory_mib, gpus, labels, isolation,
                CAST(SUM(milli_cores) AS BIGINT), CAST(SUM(memory_mib) AS BIGINT), CAST(SUM(gpus) AS BIGINT),
                CAST(SUM(CASE WHEN cores > milli_cores THEN 0 ELSE milli_cores - COALESCE(cores, 0) END) AS BIGINT),
                CAST(SUM(CASE WHEN memory > memory_mib THEN 0 ELSE memory_mib - COALESCE(memory, 0) END) AS BIGINT),
                CAST(SUM(CASE WHEN devices > gpus THEN 0 ELSE gpus - COALESCE(devices, 0) END) AS BIGINT),
                MIN(CASE states_price WHEN 1 THEN hourly_price END), CAST(SUM(1 - states_price) AS BIGINT)
            FROM offered LEFT JOIN used ON worker_id = offered.id
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
