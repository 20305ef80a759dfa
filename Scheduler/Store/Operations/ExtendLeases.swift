internal import Bytes
package import Domain

/// What became of a lease that was to be extended.
package enum ExtendOutcome: Sendable, Equatable {
    case extended(until: Int64)
    case lost
    /// The job was cancelled, or its worker may no longer have it: stop.
    case cancelled
}

extension Transaction {
    /// Sets leases to *now + extension*; each is held or lost by itself (CONTRACT 4). Waits for those that another
    /// transaction has.
    package func extend(_ extensions: [Extension]) throws -> [ExtendOutcome] {
        try extend(extensions, waits: true).map { $0 ?? .lost }
    }

    /// As `extend`, but waits for nobody: a lease that another transaction has gets no answer (nil), and nothing has
    /// happened to it.
    package func extendFree(_ extensions: [Extension]) throws -> [ExtendOutcome?] {
        try extend(extensions, waits: false)
    }

    /// Until when leases stand, by the keys that hold; without a lock.
    package func standing(_ extensions: [Extension]) throws -> [LeaseKey: ExtendOutcome] {
        try leaseEnds(extensions.map(\.key)).mapValues { .extended(until: $0) }
    }

    private func extend(_ extensions: [Extension], waits: Bool) throws -> [ExtendOutcome?] {
        var extended = try prolong(extensions, waits: waits)
        var open = extensions.filter { extended[$0.key] == nil }
        if !open.isEmpty {
            try creditOutage()
            extended.merge(try prolong(open, waits: waits)) { _, last in last }
            open.removeAll { extended[$0.key] != nil }
        }
        let taken = waits || open.isEmpty ? [] : Set(try standingLeases(open.map(\.key)).keys)
        var stopped: [MachineID: Set<JobID>] = [:]
        for key in open.map(\.key) where !taken.contains(key) && stopped[key.worker] == nil {
            stopped[key.worker] = try cancelNotices(for: key.worker)
        }
        return extensions.map { wanted in
            if let until = extended[wanted.key] { return .extended(until: until) }
            if taken.contains(wanted.key) { return nil }
            return stopped[wanted.key.worker]?.contains(wanted.key.job) == true ? .cancelled : .lost
        }
    }

    /// What leases became, by the keys that held: another key of the same job in the same call holds nothing. Of two
    /// with one key the last counts.
    private func prolong(_ extensions: [Extension], waits: Bool) throws -> [LeaseKey: Int64] {
        let wanted = Dictionary(extensions.map { ($0.key, $0.milliseconds) }) { _, last in last }
        let ends = try lockLeaseEnds(wanted.keys.sorted { $0.job < $1.job }, waits: waits)
        var extended: [LeaseKey: Int64] = [:]
        for (key, end) in ends { extended[key] = min(now + (wanted[key] ?? 0), end) }
        try prolong(extended.map { ($0.key.job, $0.value) }.sorted { $0.job < $1.job })
        return extended
    }

    /// Why a key doesn't hold: the job has ended (409), or the lease is another's or over (403).
    package func refusalForStale(_ key: LeaseKey) throws -> Refusal {
        try endedStates([key.job])[key.job].map { .jobEnded(key.job, $0) } ?? .leaseLost(key.job)
    }

    /// Records how far a running job is, and what it said.
    package func progress(_ progress: Progress) throws {
        guard let fence = try afterOutageCredit({ try noteProgress(progress) }) else {
            throw try refusalForStale(progress.key)
        }
        if let log = progress.log, !log.isEmpty {
            try appendLog(log, offset: progress.logOffset, job: progress.key.job, fence: fence)
        }
    }
}
