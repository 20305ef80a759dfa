package import Bytes
internal import Store

/// Lets scheduled jobs become pending when their time has come.
package final class Promoter: Ticking {
    package static let topic = "promoter"
    private static let limit = 1_000
    private let broker: JobBroker
    private let world: World

    package init(_ broker: JobBroker, world: World) {
        self.broker = broker
        self.world = world
    }

    package func round() async throws -> Duration {
        let classIndex = broker.classIndex
        let (ready, nextDue, now) = try await broker.database.write { tx in
            let (ready, nextDue) = try tx.promote(limit: Self.limit, isKnown: { classIndex.isKnown($0, at: $1) }) {
                classIndex.tag($0, owner: $1, cost: $2)
            }
            return (ready, nextDue, tx.now)
        }
        if ready.keys.contains(where: { !classIndex.isKnown($0) }) {
            try await classIndex.load(ready.keys.sorted(), broker.database)
        }
        for (id, arrival) in ready { broker.woke(id, count: arrival.count, tag: arrival.tag) }
        guard let nextDue else { return .seconds(1) }
        return .milliseconds(max(0, min(1_000, nextDue - now)))
    }
}
