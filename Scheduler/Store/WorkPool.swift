import Glibc

/// A few threads for work that keeps a processor busy for long: unpacking, packing and hashing what is large. On an
/// event loop it would keep all its connections waiting, so it is brought here, piece by piece, and half of the
/// processors are left to the rest.
package final class WorkPool: Sendable {
    package static let shared = WorkPool(threads: min(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)) / 2), 8))

    private struct State {
        /// The first is to be done next; those done already are taken away now and then.
        var waiting: [@Sendable () -> Void] = []
        var start = 0
        var isOpen = true
    }

    private let state = Monitor(State())

    package init(threads: Int) {
        for _ in 0..<max(1, threads) {
            startThread("work") { [state] in Self.serve(state) }
        }
    }

    deinit {
        state.withLock { $0.isOpen = false }
        state.wakeAll()
    }

    /// Runs `body` on one of the threads, in the order in which callers came.
    package func run<Answer: Sendable>(_ body: @escaping @Sendable () throws -> Answer) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            state.withLock { state in
                state.waiting.append { continuation.resume(with: Result { try body() }) }
            }
            state.wakeOne()
        }
    }

    /// How many wait for a thread.
    package var load: Int { state.withLock { $0.waiting.count - $0.start } }

    private static func serve(_ state: Monitor<State>) {
        while let work = state.wait(until: next) { work() }
    }

    /// Nil as long as there is nothing to do; nil in it when there will be nothing more.
    private static func next(_ state: inout State) -> (@Sendable () -> Void)?? {
        guard state.start < state.waiting.count else { return state.isOpen ? nil : .some(nil) }
        let work = state.waiting[state.start]
        state.start += 1
        if state.start == state.waiting.count || state.start > 1_000 {
            state.waiting.removeFirst(state.start)
            state.start = 0
        }
        return work
    }
}
