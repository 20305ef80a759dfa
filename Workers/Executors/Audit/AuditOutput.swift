internal import Bytes
internal import Synchronization

/// What an audit's tests print: forwarded to the log up to a limit, and read for the runner's summary to the end.
final class AuditOutput: Sendable {
    private struct State {
        var reader: SummaryReader?
        var rest: Int
    }

    private let state: Mutex<State>
    private let log: @Sendable (RawText) -> Void

    /// - Parameters:
    ///   - runner: `nil` if no runner's summary counts.
    ///   - limit: bytes of the log.
    init(_ runner: TestPlan.Runner?, log: @escaping @Sendable (RawText) -> Void, limit: Int) {
        state = Mutex(State(reader: runner.map { SummaryReader($0.makeSummary()) }, rest: limit))
        self.log = log
    }

    func take(_ text: RawText) {
        let (fits, isLast) = state.withLock { state in
            state.reader?.take(text.readable)
            let fits = text.bytes.count <= state.rest
            defer { state.rest = fits ? state.rest - text.bytes.count : 0 }
            return (fits, !fits && state.rest > 0)
        }
        if fits { log(text) } else if isLast { log("[log truncated: it has reached its limit]\n") }
    }

    /// By the runner's summary; `nil` if it printed none. Call once, at the end.
    func counts() -> TestCounts? {
        state.withLock { state in
            state.reader?.finish()
            return state.reader?.counts
        }
    }
}
