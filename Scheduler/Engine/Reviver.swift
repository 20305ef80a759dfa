internal import Bus
internal import Domain
internal import Store

/// Brings back those that were cancelled with a job that is tried again with its dependents, where they are more than
/// the retry's own commit takes, and those that wait for them in turn. What is still to be done is in the database: any
/// process goes on with it, after a restart too.
package final class Reviver: Ticking {
    package static let topic = Revival.topic
    private let broker: JobBroker
    private let aside: SetAside

    package init(_ broker: JobBroker, aside: SetAside = SetAside(Reviver.topic)) {
        self.broker = broker
        self.aside = aside
    }

    package func round() async throws -> Duration {
        let bite: RevivalBite
        let limit = broker.liveLimit
        do {
            bite = try await broker.database.write { tx in try tx.revive { limit.isFull($0) } }
        } catch let error where SetAside.mayBeOfOne(error) {
            guard let smaller = try await halve() else { return .milliseconds(5) }
            bite = smaller
        }
        broker.revived(bite)
        return bite.isMore ? .milliseconds(5) : .seconds(1)
    }

    /// Ever smaller bites of the first job's dependents; the one that can't be taken stops its own job's alone.
    private func halve() async throws -> RevivalBite? {
        var limit = Revival.bite
        while limit > 1 {
            limit /= 2
            let size = limit
            do {
                return try await broker.database.write { try $0.revive(limit: size, jobs: 1) }
            } catch let error where SetAside.mayBeOfOne(error) {
                guard size == 1 else { continue }
                let job = try await broker.database.write { try $0.putOffRevival(until: $0.now + SetAside.lasts) }
                if let job { aside.add(job.text, of: "dependents of", error) }
            }
        }
        return nil
    }
}
