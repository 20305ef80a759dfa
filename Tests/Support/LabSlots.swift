internal import Synchronization

/// So many labs at a time: tests run side by side, and a small machine can't serve a hundred databases at once without
/// time passing in each of them.
final class LabSlots: Sendable {
    static let shared = LabSlots(4)

    private struct State: Sendable {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    func take() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free > 0 else {
                    state.waiting.append(continuation)
                    return false
                }
                state.free -= 1
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    func give() {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard let first = state.waiting.first else {
                state.free += 1
                return nil
            }
            state.waiting.removeFirst()
            return first
        }
        next?.resume()
    }
}

/// A place in the line, given back when nobody holds it any more.
final class LabSlot: Sendable {
    private let slots: LabSlots

    init(_ slots: LabSlots = .shared) async {
        self.slots = slots
        await slots.take()
    }

    deinit { slots.give() }
}
