import Bytes

/// What a thread with a connection does.
extension PostgresPool {
    private enum Step {
        case connect
        case work(QueuedTransaction)
        case stop
    }

    private enum Outcome {
        /// The caller has his answer.
        case done
        /// Nothing happened; the same again may succeed.
        case again(any Error)
    }

    /// So often the same is tried again, within the time that its caller may wait and a statement may take.
    private static let collisionLimit = 5
    private static let lossLimit = 5

    /// Serves one caller after another until the pool is closed.
    func serve() {
        var link: PostgresLink?
        var ended: QueuedTransaction.Mode?
        while true {
            switch nextStep(&link, after: ended.take()) {
            case .connect:
                // Meanwhile somebody with a connection may take the work.
                state.wakeOne()
                connect(&link)
            case .work(let work):
                attend(to: work, with: &link)
                // Not the work itself: its closures hold the database, which nobody who only waits may keep open.
                ended = work.mode
            case .stop:
                drop(&link)
                return leave()
            }
        }
    }

    private func nextStep(_ link: inout PostgresLink?, after ended: QueuedTransaction.Mode?) -> Step {
        let step = state.withLock { state in
            if let ended {
                state.working -= 1
                state.waiting.end(ended)
            }
            return nextStep(&link, &state)
        }
        if let step { return step }
        link?.endReading()
        return state.wait { nextStep(&link, &$0) }
    }

    private func nextStep(_ link: inout PostgresLink?, _ state: inout State) -> Step? {
        if state.isClosed { return .stop }
        guard state.waiting.isReady else { return nil }
        if link == nil {
            guard let spare = state.spare.take() else { return .connect }
            link = spare
        }
        guard let work = state.waiting.popFirst() else { return nil }
        state.working += 1
        if state.waiting.isReady { self.state.wakeOne() }
        return .work(work)
    }

    /// Makes a connection, or it is an outage, unless other connections still work.
    @discardableResult
    private func connect(_ link: inout PostgresLink?) -> ConnectFailure? {
        var attempt = 1
        while true {
            do {
                link = try PostgresLink.connect(to: url, settings)
                state.withLock { $0.connected += 1 }
                return nil
            } catch {
                guard error.wasCut, attempt < Self.lossLimit else { return giveUp(error) }
                attempt += 1
            }
        }
    }

    private func giveUp(_ failure: ConnectFailure) -> ConnectFailure {
        if failure.isCrowded, state.withLock({ $0.connected > 0 }) {
            pauseThread(milliseconds: 200)
        } else {
            declareOutage(failure)
        }
        return failure
    }

    private func drop(_ link: inout PostgresLink?) {
        guard link != nil else { return }
        link = nil
        state.withLock { $0.connected -= 1 }
    }

    private func attend(to work: QueuedTransaction, with link: inout PostgresLink?) {
        if work.failIfLate(settings) { return }
        var collisions = 0
        var losses = 0
        while true {
            if link == nil, let failure = connect(&link) {
                return work.fail(DatabaseError.unavailable(failure.message))
            }
            guard let current = link else { return work.fail(DatabaseError.unavailable("no connection")) }
            let outcome = attempt(work, on: current)
            if current.health == .lost || current.health == .stalled { drop(&link) }
            switch outcome {
            case .done: return
            case .again(let error):
                if current.health == .collided { collisions += 1 } else { losses += 1 }
                let waited = World.live.monotonic() - work.since
                guard collisions <= Self.collisionLimit, losses <= Self.lossLimit,
                    waited < settings.waitTimeoutMilliseconds + settings.statementTimeoutMilliseconds
                else { return work.fail(error) }
                if current.health == .collided { pauseThread(milliseconds: jitter(collisions)) }
            }
        }
    }

    /// Up to 5, 10, 20 … milliseconds.
    private func jitter(_ collisions: Int) -> Int {
        var chance = SystemRandomNumberGenerator()
        return Int(chance.next(upperBound: UInt(5) << min(collisions, Self.collisionLimit))) + 1
    }

    private func attempt(_ work: QueuedTransaction, on link: PostgresLink) -> Outcome {
        do {
            try link.begin(work.mode, statementTimeoutMilliseconds: work.statementTimeoutMilliseconds)
            let transaction = Transaction(link, sqlEngine: .postgres) { [settings] in
                try link.instant() + settings.clockOffset()
            }
            let answer = try work.run(transaction)
            if let failure = transaction.failure { throw failure }
            if work.mode == .write { try link.commit() }
            for action in transaction.actions { action() }
            answer()
            // What was read is a snapshot, whatever happens to the connection now: its reader need not wait.
            if work.mode == .read { link.leave() }
            return .done
        } catch DatabaseError.unknownOutcome {
            work.fail(DatabaseError.unknownOutcome)
            return .done
        } catch {
            link.rollback()
            switch link.health {
            case .collided, .lost: return .again(error is DatabaseError ? error : DatabaseError.unavailable("\(error)"))
            case .fine, .stalled:
                work.fail(error)
                return .done
            }
        }
    }
}
