/// What a job needs of a machine, and where it waits. Jobs with equal requirements share one
/// *requirement class*, as HTCondor's autoclusters do: a claim looks at classes, never at jobs that don't fit.
package struct Requirement: Hashable, Sendable {
    package var kind: Kind
    package var queue: String
    /// 0–9, higher first.
    package var priority: Int64
    /// Thousandths of a core; 0 asks for none in particular.
    package var milliCores: Int64 = 0
    /// MiB; 0 asks for none in particular.
    package var memoryMiB: Int64 = 0
    package var gpus: Int64 = 0
    /// All of which the machine must have; sorted, distinct.
    package var labels: [String] = []
    package var isolation = Isolation.sandbox
    /// The run limit in minutes.
    package var minutes: Int64 = 10
    /// The most that a machine may ask per hour, minor units of USDT; nil when any price will do, 0 when it offers
    /// nothing.
    package var maxHourlyPrice: Int64?

    package init(kind: Kind, queue: String = "default", priority: Int64 = 5) {
        self.kind = kind
        self.queue = queue
        self.priority = priority
    }

    /// Text that is equal exactly when the requirements are: every part carries its length, so none can slide.
    package var key: String {
        let parts: [String] =
            [
                kind.rawValue, queue, String(priority), String(milliCores), String(memoryMiB), String(gpus),
                // The last "-" stands for a part that is gone, so that classes keep their ids.
                isolation.rawValue, String(minutes), maxHourlyPrice.map(String.init) ?? "-", "-",
                String(labels.count),
            ] + labels
        return parts.map { "\($0.utf8.count):\($0)" }.joined(separator: ",")
    }

    /// What one job of this class weighs in fair queueing: core-milliseconds of its run limit, at least one.
    package var cost: Int64 {
        let cores = max(1000, milliCores)
        let (product, overflow) = (minutes &* 60).multipliedReportingOverflow(by: cores)
        return overflow ? .max / 1_000_000 : max(1, product)
    }
}

/// What a worker offers at the moment of its claim. `nil` is "not stated": no bound on cores and memory.
package struct Offer: Sendable, Hashable {
    package var worker: String
    package var owner: String
    package var kinds: Set<Kind>
    /// nil serves every queue.
    package var queues: Set<String>?
    package var milliCores: Int64?
    package var memoryMiB: Int64?
    package var gpus: Int64 = 0
    package var labels: Set<String> = []
    /// The strongest shield that the machine has.
    package var isolation = Isolation.sandbox
    /// The weakest that its owner's policy lets a job ask for.
    package var leastIsolation = Isolation.none
    /// Whether the policy lets jobs use a network.
    package var network = false
    /// The policy's longest job in minutes.
    package var maxMinutes: Int64?
    package var asking = Asking.stated(0)

    package init(worker: String, owner: String, kinds: Set<Kind>) {
        self.worker = worker
        self.owner = owner
        self.kinds = kinds
    }

    /// The offer of a worker that may be given nothing: no job fits it.
    package var void: Offer {
        var offer = self
        offer.kinds = []
        return offer
    }

    /// Whether one job of this class could run here at all, and can pay what is asked.
    package func fits(_ need: Requirement) -> Bool {
        guard kinds.contains(need.kind), queues?.contains(need.queue) ?? true else { return false }
        guard (leastIsolation...max(isolation, leastIsolation)).contains(need.isolation),
            need.isolation <= isolation
        else { return false }
        guard need.minutes <= maxMinutes ?? .max, need.affords(asking.rate(of: need)) else { return false }
        guard need.labels.allSatisfy(labels.contains) else { return false }
        return hasRoom(for: need)
    }

    /// Whether the room that is left is enough for one more.
    package func hasRoom(for need: Requirement) -> Bool {
        need.milliCores <= milliCores ?? .max && need.memoryMiB <= memoryMiB ?? .max && need.gpus <= gpus
    }

    /// The offer after one job of this class has been placed.
    package mutating func place(_ need: Requirement) {
        milliCores = milliCores.map { $0 - min($0, need.milliCores) }
        memoryMiB = memoryMiB.map { $0 - min($0, need.memoryMiB) }
        gpus -= min(gpus, need.gpus)
    }
}
