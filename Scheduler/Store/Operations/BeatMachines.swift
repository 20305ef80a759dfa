package import Domain

extension Transaction {
    /// Takes heartbeats that passed every other check: the consent, then the nonce, which only now is spent (CONTRACT
    /// 5). Each is accepted or refused by itself; of two with one nonce the first is accepted.
    /// - Parameters:
    ///   - nonceLifetime: how long a nonce is kept, in milliseconds.
    ///   - waits: whether to wait for machines whose rows others have (a claim, for as long as it lasts); else these
    ///     get no answer (nil), and nothing has happened to them.
    package func beat(
        _ beats: [MachineBeat], nonceLifetime: Int64, waits: Bool = false
    ) throws -> [Result<Void, Refusal>?] {
        var trails = try lockBeatTrails(Set(beats.map(\.worker)), waits: waits)
        let standing = try standingConsents(Set(beats.map(\.terms)))
        var answers: [Result<Void, Refusal>?] = beats.map { beat in
            guard trails[beat.worker] != nil else { return waits ? .failure(.invalidHeartbeatAuth) : nil }
            return standing.contains(beat.terms) ? .success(()) : .failure(.noConsent)
        }
        let wanted = beats.indices.filter { if case .success? = answers[$0] { true } else { false } }
        var fresh = try spendNonces(
            Set(wanted.map { SpentNonce(scope: beats[$0].worker.text, nonce: beats[$0].nonce) }),
            expiresAt: now + nonceLifetime)
        var latest: [MachineID: MachineBeat] = [:]
        var events: [Event] = []
        for index in wanted {
            let beat = beats[index]
            // The first of those with one nonce takes it away.
            guard fresh.remove(SpentNonce(scope: beat.worker.text, nonce: beat.nonce)) != nil else {
                answers[index] = .failure(.nonceSeen)
                continue
            }
            latest[beat.worker] = beat
            if trails[beat.worker]?.note(policy: beat.policy, at: now, silence: Self.awayAfter) == true {
                events.append(
                    Event(owner: beat.owner, type: .workerHeartbeat, actor: beat.worker.text, object: beat.worker.text))
            }
        }
        try writeBeats(latest.values.sorted { $0.worker.text < $1.worker.text }, trails)
        try record(events)
        return answers
    }
}
