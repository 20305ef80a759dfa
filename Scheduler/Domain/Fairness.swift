/// Start-time fair queueing: each job gets a *virtual start tag* when it becomes ready, and a class is served in
/// the order of tags. A tenant's jobs follow one another at a distance of their cost; a tenant that comes
/// later starts at the class's present virtual time, not behind everything already waiting.
///
/// It is a hint that each process keeps for itself. Two processes that tag for the same tenant give that tenant
/// two interleaved streams, never a starving neighbour; after a restart, tags go on from the head of the class.
package struct FairShare: Sendable {
    private var virtualTime: [ClassID: Int64] = [:]
    /// Where each owner's last job in a class ends.
    private var finish: [ClassID: [OwnerID: Int64]] = [:]
    private var streams = 0
    private var served: [OwnerID: Int64] = [:]
    private var servedLast: Int64 = 0
    private let capacity: Int

    package init(capacity: Int = 100_000) { self.capacity = capacity }

    /// The tag of a job that becomes ready now.
    package mutating func tag(_ classID: ClassID, owner: OwnerID, cost: Int64) -> Int64 {
        if streams >= capacity { prune() }
        let now = virtualTime[classID] ?? 0
        let last = finish[classID]?[owner]
        if last == nil { streams += 1 }
        let start = max(now, last ?? now)
        finish[classID, default: [:]][owner] = start &+ min(cost, .max / 4 - min(start, .max / 4))
        return start
    }

    /// The class has been seen to stand at this tag: a job with it was claimed, or is the head of what waits.
    package mutating func observe(_ classID: ClassID, tag: Int64) {
        if tag > virtualTime[classID] ?? .min { virtualTime[classID] = tag }
    }

    /// An owner got service of this cost; across classes, the one who got least goes first. Who comes, or comes back,
    /// starts where service stands now, so that nobody saves up.
    package mutating func serve(_ owner: OwnerID, cost: Int64) {
        if served.count >= capacity { served.removeAll() }
        servedLast = service(of: owner)
        let sum = servedLast.addingReportingOverflow(cost)
        served[owner] = sum.overflow ? .max / 2 : sum.partialValue
    }

    package func service(of owner: OwnerID) -> Int64 { max(served[owner] ?? 0, servedLast) }

    /// Nothing waits in the class, and nobody uses it any more.
    package mutating func forget(_ classID: ClassID) {
        virtualTime[classID] = nil
        streams -= finish.removeValue(forKey: classID)?.count ?? 0
    }

    /// A stream whose finish lies behind the class's time says nothing any more.
    private mutating func prune() {
        for (classID, ends) in finish {
            let now = virtualTime[classID] ?? 0
            let left = ends.filter { $0.value > now }
            finish[classID] = left.isEmpty ? nil : left
        }
        streams = finish.values.reduce(0) { $0 + $1.count }
        guard streams >= capacity else { return }
        finish.removeAll()
        streams = 0
    }
}

/// How long a class is recorded after its last use, in milliseconds of the database's clock. Between the two lies more
/// than any transaction takes: who takes a class for recorded commits before it can be removed.
package enum ClassLife {
    /// Who uses a class whose last known use is as long ago records it anew.
    package static let renewedAfter: Int64 = 300_000
    /// One in which nothing waits may be removed.
    package static let removedAfter: Int64 = 600_000
}

/// Which class is asked first: strict priorities with ageing.
package enum Ageing {
    /// Waiting this long at the head lifts a class by one priority, in milliseconds.
    package static let step: Int64 = 120_000

    /// The priority that counts, 0–9, after the head of the class has waited since `since`.
    package static func priority(_ priority: Int64, waitingSince since: Int64?, now: Int64) -> Int64 {
        guard let since, now > since else { return priority }
        return min(9, priority + (now - since) / step)
    }
}

/// The head of a class, locked for a claim.
package struct Candidate: Sendable {
    package var id: JobID
    package var owner: OwnerID
    package var classID: ClassID
    package var tag: Int64
    package var since: Int64

    package init(id: JobID, owner: OwnerID, classID: ClassID, tag: Int64, since: Int64) {
        self.id = id
        self.owner = owner
        self.classID = classID
        self.tag = tag
        self.since = since
    }
}
