internal import Bytes
internal import Domain
internal import Synchronization

/// Which kinds of jobs this machine can't run now, and why. Each is tried again until its trial run passes; until then
/// none is claimed.
final class Fitness: Sendable {
    private struct State {
        var faults: [Kind: String] = [:]
        var trials: [Kind: Task<Void, Never>] = [:]
    }

    private let executor: any Executor
    private let world: World
    private let changed: Wakeup
    private let events: @Sendable (WorkerEvent) -> Void
    private let state = Mutex(State())

    /// - Parameter changed: notified when a kind can be claimed again.
    init(
        _ executor: any Executor, world: World, changed: Wakeup, events: @escaping @Sendable (WorkerEvent) -> Void
    ) {
        self.executor = executor
        self.world = world
        self.changed = changed
        self.events = events
    }

    /// The kinds that may be claimed.
    var kinds: [Kind] {
        state.withLock { state in executor.kinds.filter { state.faults[$0] == nil } }
    }

    /// Of a job's kind, by its raw value.
    func fault(of kind: String) -> String? {
        Kind(rawValue: kind).flatMap { kind in state.withLock { $0.faults[kind] } }
    }

    /// All that is wrong, in one line; `nil`: nothing is.
    var fault: String? {
        let faults = state.withLock(\.faults)
        return faults.isEmpty ? nil : Set(faults.values).sorted().joined(separator: "; ")
    }

    /// A trial run has failed.
    func note(_ fault: String, of kind: Kind) {
        let isNew = state.withLock { state in
            guard state.faults.updateValue(fault, forKey: kind) == nil else { return false }
            state.trials[kind] = Task { await self.tryAgain(kind) }
            return true
        }
        guard isNew else { return }
        events(.unfit(kind: kind, reason: fault))
        for other in executor.kinds where other != kind { suspect(other, fault) }
    }

    /// What ails one kind may ail all: this one is tried before it is claimed again.
    private func suspect(_ kind: Kind, _ fault: String) {
        state.withLock { state in
            guard state.faults[kind] == nil else { return }
            state.faults[kind] = fault
            state.trials[kind] = Task {
                let own = await self.executor.fault(of: kind)
                guard !Task.isCancelled else { return }
                self.state.withLock { $0.faults[kind] = own }
                guard let own else { return self.changed.notify() }
                self.events(.unfit(kind: kind, reason: own))
                await self.tryAgain(kind)
            }
        }
    }

    private func tryAgain(_ kind: Kind) async {
        var delay = RetryDelay(initialMilliseconds: 1_000, maxMilliseconds: 60_000)
        while true {
            try? await world.sleep(.milliseconds(delay.milliseconds(in: world)))
            guard !Task.isCancelled else { return }
            let fault = await executor.fault(of: kind)
            guard !Task.isCancelled else { return }
            state.withLock { $0.faults[kind] = fault }
            guard fault == nil else { continue }
            events(.fit(kind: kind))
            return changed.notify()
        }
    }

    /// Ends the trial runs, and waits for that.
    func end() async {
        let trials = state.withLock(\.trials).values
        for trial in trials {
            trial.cancel()
            await trial.value
        }
    }
}
