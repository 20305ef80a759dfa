import Bytes

/// The thread that watches over a pool.
extension PostgresPool {
    /// Sends those home who have waited too long (every connection may be stuck), lets more read when those who do take
    /// too long, and during an outage tries to connect until it succeeds.
    func keepWatch() {
        while true {
            let (isClosed, isOut) = state.withLock { ($0.isClosed, $0.outage != nil) }
            if isClosed { return leave() }
            if isOut {
                probe()
            } else {
                dismissLate()
            }
            var chance = SystemRandomNumberGenerator()
            alarm.pause(milliseconds: isOut ? 100 + Int(chance.next(upperBound: UInt(100))) : 250)
        }
    }

    /// From now on everybody is refused at once.
    func declareOutage(_ failure: ConnectFailure) {
        let refused = state.withLock { state in
            state.outage = failure.message
            return state.waiting.popAll()
        }
        for work in refused { work.fail(DatabaseError.unavailable(failure.message)) }
        alarm.wakeAll()
    }

    private func probe() {
        do {
            let link = try PostgresLink.connect(to: url, settings)
            state.withLock { state in
                state.outage = nil
                if state.isClosed || state.spare != nil { return }
                state.spare = link
                state.connected += 1
            }
        } catch {
            state.withLock { $0.outage = error.message }
        }
    }

    private func dismissLate() {
        let now = World.live.monotonic()
        let deadline = now - Int64(settings.waitTimeoutMilliseconds)
        let (late, mayAllRead) = state.withLock { state in
            (state.waiting.pop(waitingSince: deadline), state.waiting.noteReaders(waitingSince: now - 250))
        }
        for work in late { work.failIfLate(settings) }
        if mayAllRead { state.wakeAll() }
    }
}
