internal import Bus
internal import Domain
internal import Store

/// Moves on, or cancels, those that wait for jobs that have ended, where they are too many for the commit that ended
/// these. What is still to be done is in the database: any process goes on with it, after a restart too.
package final class Cascader: Ticking {
    package static let topic = Cascade.topic
    private let broker: JobBroker
    private let aside: SetAside

    package init(_ broker: JobBroker, aside: SetAside = SetAside(Cascader.topic)) {
        self.broker = broker
        self.aside = aside
    }

    package func round() async throws -> Duration {
        let bite: CascadeBite
        do {
            bite = try await broker.database.write { try $0.cascade() }
        } catch let error where SetAside.mayBeOfOne(error) {
            guard let smaller = try await halve() else { return .milliseconds(5) }
            bite = smaller
        }
        if bite.freesOthers { broker.bus.publish(Promoter.topic) }
        for id in bite.cancelled { broker.bus.publish(JobBroker.topic(id)) }
        return bite.isMore ? .milliseconds(5) : .seconds(1)
    }

    /// Ever smaller bites of the first job's dependents; the one that can't be taken stops its own job's alone.
    private func halve() async throws -> CascadeBite? {
        var limit = Int(Cascade.bite)
        while limit > 1 {
            limit /= 2
            let size = limit
            do {
                return try await broker.database.write { try $0.cascade(limit: size, jobs: 1) }
            } catch let error where SetAside.mayBeOfOne(error) {
                guard size == 1 else { continue }
                let job = try await broker.database.write { try $0.putOffCascade(until: $0.now + SetAside.lasts) }
                if let job { aside.add(job.text, of: "dependents of", error) }
            }
        }
        return nil
    }
}
