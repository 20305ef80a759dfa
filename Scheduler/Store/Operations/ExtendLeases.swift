package import Domain

/// What became of a lease that was to be extended.
package enum ExtendOutcome: Sendable, Equatable {
    case extended(until: Int64)
    case lost
    /// The job was cancelled, or its worker may no longer have it: stop.
    case cancelled
}

extension Transaction {
    /// Sets leases to *now + extension*; each is held or lost by itself (CONTRACT 4).
    package func extend(_ extensions: [Extension]) throws -> [ExtendOutcome] {
        var extended = try extendAll(extensions)
        let open = extensions.filter { extended[$0.key] == nil }
        if !open.isEmpty {
            try creditOutage()
            extended.merge(try extendAll(open)) { _, last in last }
        }
        var stopped: [MachineID: Set<JobID>] = [:]
        for key in extensions.map(\.key) where extended[key] == nil && stopped[key.worker] == nil {
            stopped[key.worker] = try cancelNotices(for: key.worker)
        }
        return extensions.map { wanted in
            if let until = extended[wanted.key] { return .extended(until: until) }
            return stopped[wanted.key.worker]?.contains(wanted.key.job) == true ? .cancelled : .lost
        }
    }

    private func extendAll(_ extensions: [Extension]) throws -> [LeaseKey: Int64] {
        try extendHeld(extensions.sorted { $0.key.job < $1.key.job })
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
