internal import Bytes
internal import Runtime

/// The commands in this device's hands: each runs once, its lease is kept meanwhile, and its result is sent until the
/// server has answered.
actor HeldCommands {
    /// A device has no more at once (CONTRACT 6).
    static let limit = 10
    /// How often a lease is extended, and by how much. A push doesn't say how long its lease is; the shortest is a
    /// minute.
    private static let extendEvery: Int64 = 20_000
    static let leaseMilliseconds: Int64 = 60_000

    private struct Running {
        let task: Task<Void, Never>
        /// When the last extension was sent, by the monotonic clock.
        var extendedAt: Int64
        /// The command is no longer ours: it is being stopped, and its result is of no use.
        var isLost = false
        /// The same command, granted again before it had stopped.
        var next: ReceivedCommand?
    }

    private let calls: DeviceCalls
    private let journal: DeviceJournal
    private let runner: CommandRunner
    private let log: DeviceLog
    private let world: World
    /// By id.
    private var running: [String: Running] = [:]
    private var reporting: Task<Void, Never>?
    private var takesMore = true

    init(
        _ calls: DeviceCalls, _ journal: DeviceJournal, _ runner: CommandRunner, _ log: DeviceLog, world: World = .live
    ) {
        self.calls = calls
        self.journal = journal
        self.runner = runner
        self.log = log
        self.world = world
    }

    /// Those that run, and those whose results the server hasn't answered: what the journal has to hold.
    var count: Int { running.count + journal.unreported.count }
    /// Whether nothing runs and nothing is to be reported.
    var isIdle: Bool { running.isEmpty && journal.unreported.isEmpty }

    /// Runs a command. One that is here already, granted again because its lease had run out, isn't run again: its one
    /// result is reported with the new claim token.
    func take(_ command: ReceivedCommand) {
        guard takesMore else { return }
        guard running[command.id]?.isLost != true else {
            running[command.id]?.next = command
            return
        }
        guard journal.entry(command.id) != nil || count < Self.limit else {
            return log("\(command.id) left: \(Self.limit) commands are in hand already")
        }
        guard journal.begin(command) else { return report() }
        log("\(command.id) \(command.type) started")
        let (executedAt, started) = (world.now(), world.monotonic())
        let task = Task { [runner, world] in
            let outcome = await runner.run(command)
            self.ended(command, outcome, executedAt: executedAt, duration: world.monotonic() - started)
        }
        running[command.id] = Running(task: task, extendedAt: started)
    }

    private func ended(_ command: ReceivedCommand, _ outcome: CommandOutcome, executedAt: Int64, duration: Int64) {
        guard let run = running.removeValue(forKey: command.id) else { return }
        guard !run.isLost else {
            if let next = run.next { take(next) }
            return
        }
        log("\(command.id) \(command.type) \(outcome.status.rawValue) in \(Text.duration(milliseconds: duration))")
        journal.finish(command.id, outcome.json(executedAt: executedAt, duration: duration))
        report()
    }
}

/// Leases.
extension HeldCommands {
    /// Extends them until its task is cancelled; stops what the server says is no longer ours.
    func keepLeases() async {
        while !Task.isCancelled {
            try? await world.sleep(.seconds(1))
            let due = running.filter { !$0.value.isLost && world.monotonic() - $0.value.extendedAt >= Self.extendEvery }
            for id in due.keys { await extend(id) }
        }
    }

    private func extend(_ id: String) async {
        guard let entry = journal.entry(id) else { return }
        let sentAt = world.monotonic()
        do throws(ServerError) {
            try await calls.extend(entry, by: Self.leaseMilliseconds)
            running[id]?.extendedAt = sentAt
        } catch {
            switch error {
            case .refused(403, _), .refused(404, _), .refused(409, _): lose(entry, error.message)
            // Soon again: the lease lasts for two more attempts.
            default: running[id]?.extendedAt = sentAt - Self.extendEvery + 5_000
            }
        }
    }

    private func lose(_ entry: DeviceJournal.Entry, _ reason: String) {
        // It may have been granted again while the server answered.
        guard journal.entry(entry.id) == entry, let run = running[entry.id] else { return }
        log("\(entry.id) stopped, it is no longer this device's: \(reason)")
        running[entry.id]?.isLost = true
        journal.remove(entry)
        run.task.cancel()
    }
}

/// Results.
extension HeldCommands {
    /// Sends what is unreported, in the background.
    func report() {
        guard reporting == nil else { return }
        reporting = Task { await self.sendResults() }
    }

    private func sendResults() async {
        var jitter = FullJitter()
        while !Task.isCancelled {
            let entries = journal.unreported
            if entries.isEmpty { break }
            var isAnswered = true
            for entry in entries where !Task.isCancelled {
                if await !send(entry) { isAnswered = false }
            }
            let pause = isAnswered ? 0 : 100 + jitter.next(in: world)
            if isAnswered { jitter.reset() } else { try? await world.sleep(.milliseconds(pause)) }
        }
        reporting = nil
    }

    /// Returns whether the server has answered for good.
    private func send(_ entry: DeviceJournal.Entry) async -> Bool {
        do throws(ServerError) {
            try await calls.report(entry)
            log("\(entry.id) \(entry.type) reported")
        } catch {
            switch error {
            case .refused, .lost, .ended: log("\(entry.id) \(entry.type) dropped: \(error.message)")
            case .unauthorized, .overloaded, .unreachable:
                log("\(entry.id) \(entry.type) not reported yet: \(error.message)")
                return false
            }
        }
        journal.remove(entry)
        return true
    }
}

/// The end.
extension HeldCommands {
    func takeNoMore() { takesMore = false }

    /// Stops what runs; it is reported as a failure.
    func stop() {
        for run in running.values { run.task.cancel() }
    }

    /// What isn't reported now is for the next run.
    func end() async {
        let task = reporting
        task?.cancel()
        await task?.value
    }
}
