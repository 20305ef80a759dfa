import Bytes
package import Domain

/// How a database is used. Times are milliseconds.
package struct DatabaseSettings: Sendable {
    /// PostgreSQL: connections, one thread each.
    package var connections = 8
    /// SQLite: connections for reading beside the one that writes.
    package var readers = 4
    /// How many callers may wait; the next one is `busy` at once.
    package var waitLimit = 1_024
    /// How long one may wait for its turn before it is `busy`.
    package var waitTimeoutMilliseconds = 5_000
    /// PostgreSQL: the most one statement may take.
    package var statementTimeoutMilliseconds = 10_000
    /// How long a statement may wait for a lock; on SQLite, for another process that writes.
    package var lockTimeoutMilliseconds = 3_000
    /// PostgreSQL: the most one attempt to connect may take.
    package var connectTimeoutMilliseconds = 2_000
    /// How long opening may take until a server that is just starting answers.
    package var openTimeoutMilliseconds = 5_000
    /// SQLite: the time, since 1970.
    package var clock: @Sendable () -> Int64
    /// PostgreSQL: added to the server's clock; tests move time with it.
    package var clockOffset: @Sendable () -> Int64
    /// PostgreSQL: the name under which the server lists the connections.
    package var applicationName = "hatchfarm"
    /// How much one owner may have.
    package var quotas = OwnerQuotas()

    package init(
        clock: @escaping @Sendable () -> Int64 = World.live.now,
        clockOffset: @escaping @Sendable () -> Int64 = { 0 }
    ) {
        self.clock = clock
        self.clockOffset = clockOffset
    }
}
