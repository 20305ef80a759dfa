package import Domain
internal import Engine
package import Store

/// Time, and the scheduler's rounds in it.
extension Lab {
    /// Lets time pass while a scheduler is up: leases that run out are swept, jobs whose time has come become pending.
    /// The rounds of the last five seconds are all held; those before can only have found nothing new.
    package func pass(_ duration: Duration) async throws {
        let last = Duration.seconds(5)
        if duration > last {
            clock.advance(by: duration - last)
            try await noteRound()
            try await round()
        }
        var left = min(duration, last)
        while left > .zero {
            let step = min(left, .seconds(1))
            clock.advance(by: step)
            left -= step
            try await round()
        }
    }

    /// Lets time pass while no scheduler is up.
    package func passUnattended(_ duration: Duration) { clock.advance(by: duration) }

    /// Says that a scheduler has been up until now.
    package func noteRound() async throws {
        try await database.write { tx in try tx.execute("UPDATE scheduler_clock SET last_round = \(tx.now)") }
    }

    /// What the sweeper and the promoter of a scheduler do in a round.
    package func round() async throws {
        try await sweep()
        try await promote()
    }

    @discardableResult
    package func sweep(limit: Int = 1_000) async throws -> Sweep {
        try await database.write { try $0.sweep(from: .min, Picking(limit)) }
    }

    /// All bites of what ends still have to bring about; returns how many it took.
    @discardableResult
    package func cascade() async throws -> Int {
        var bites = 0
        while try await database.write({ try $0.cascade().isMore }) { bites += 1 }
        return bites
    }

    /// Brings back what retries have left to be brought back; how many jobs that were.
    @discardableResult
    package func revive() async throws -> Int {
        var revived = 0
        while true {
            let bite = try await database.write { try $0.revive() }
            revived += bite.revived.count
            guard bite.isMore else { return revived }
        }
    }

    @discardableResult
    package func promote() async throws -> Int64? {
        let hints = hints
        return try await database.write { tx in
            try tx.promote(limit: 1_000) { _, _, _ in hints.nextTag() }.nextDue
        }
    }

    @discardableResult
    package func seal(limit: Int = 1_000) async throws -> Int {
        try await AuditChain(database).seal(from: .min, limit: limit).found
    }

    /// Seals what there is, and returns an owner's chain.
    package func chain(of owner: OwnerID) async throws -> [RecordedEvent] {
        try await sealedChain(of: owner).map(\.event)
    }

    /// Seals what there is, and returns an owner's chain with its hashes.
    package func sealedChain(of owner: OwnerID) async throws -> [SealedEvent] {
        while try await seal() > 0 {}
        return try await AuditChain(database).events(of: owner, offset: 0, limit: 1_000_000)
    }
}

extension Database {
    /// Seals an owner's chain as whoever reads it does, and returns it.
    package func chain(of owner: OwnerID) async throws -> [RecordedEvent] {
        try await AuditChain(self).events(of: owner, offset: 0, limit: 1_000_000).map(\.event)
    }
}
