import Bytes
import Foundation

/// How much is done to the daemons: what every check can afford, or what was promised (`Ops/chaos/README.md`).
struct ChaosSize: Sendable {
    let kills: Int
    let jobs: Int
    /// Seconds that the server is away, and of a lease.
    let away: Int
    let lease: Int

    static let isFull = ProcessInfo.processInfo.environment["HATCHFARM_CHAOS"] == "full"
    static let chosen =
        isFull
        ? ChaosSize(kills: 200, jobs: 2_000, away: 120, lease: 60)
        : ChaosSize(kills: 20, jobs: 200, away: 12, lease: 6)

    /// Of `HATCHFARM_CHAOS_SEED`, or a new one.
    static let seed =
        ProcessInfo.processInfo.environment["HATCHFARM_CHAOS_SEED"].flatMap { UInt64($0) }
        ?? World.live.random(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
}
