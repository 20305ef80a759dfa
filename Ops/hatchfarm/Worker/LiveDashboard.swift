internal import Bytes
internal import Domain
internal import Runtime
internal import Synchronization
internal import Wire

/// A worker's dashboard at the bottom of a terminal, redrawn in place at most ten times per second; log lines scroll by
/// above it.
final class LiveDashboard: Sendable {
    private struct State {
        var dashboard: WorkerDashboard
        /// Log lines, not written yet.
        var above: [String] = []
        var dropped = 0
    }

    /// Its lock guards the terminal.
    private struct Screen {
        var shown: [String] = []
        var hasEnded = false
    }

    /// The limit of buffered lines; further ones are only counted.
    private static let maxBuffered = 500

    private let state: Mutex<State>
    private let screen = Mutex(Screen())
    private let changes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(_ dashboard: WorkerDashboard) {
        state = Mutex(State(dashboard: dashboard))
    }

    /// Never blocks on the terminal.
    func log(_ entry: WorkerLogEntry) {
        let now = World.live.monotonic()
        state.withLock { state in
            if let text = line(for: entry, on: state.dashboard) {
                if state.above.count < Self.maxBuffered { state.above.append(text) } else { state.dropped += 1 }
            }
            if case .event(let event) = entry { state.dashboard.update(event, at: now) }
        }
        changes.continuation.yield()
    }

    /// Redraws until its task is cancelled.
    func run() async {
        for await _ in changes.stream {
            repeat {
                draw()
                try? await World.live.sleep(.milliseconds(100))
                // The elapsed times of running jobs change without any event.
            } while state.withLock(\.dashboard.isRunningJobs) && !Task.isCancelled
        }
    }

    /// Removes the dashboard from the screen, and keeps the log lines. Nothing is drawn afterwards.
    func end() {
        draw(isLast: true)
        changes.continuation.finish()
    }

    private func draw(isLast: Bool = false) {
        let size = Output.size()
        let now = World.live.monotonic()
        screen.withLock { screen in
            guard !screen.hasEnded else { return }
            screen.hasEnded = isLast
            let (lines, above) = state.withLock { state in
                defer { (state.above, state.dropped) = ([], 0) }
                let more = state.dropped > 0 ? ["… and \(state.dropped) more lines"] : []
                let colour = Output.hasColour
                let lines = state.dashboard.lines(columns: size.columns, rows: size.rows, at: now, colour: colour)
                return (isLast ? [] : lines, state.above + more)
            }
            let text = Self.redrawn(from: screen.shown, to: lines, above: above)
            screen.shown = lines
            if !text.isEmpty { Output.text(text) }
        }
    }

    /// The output that replaces `old`, with the cursor at the end of its last line, by `above` and `new`. Empty if
    /// nothing changed.
    static func redrawn(from old: [String], to new: [String], above: [String]) -> String {
        guard old != new || !above.isEmpty else { return "" }
        let up = old.count > 1 ? "\u{1B}[\(old.count - 1)A" : ""
        let kept = above.map { "\($0)\u{1B}[K\n" }.joined()
        return "\r\(up)\(kept)\(new.map { "\($0)\u{1B}[K" }.joined(separator: "\n"))\u{1B}[J"
    }

    /// Uses the job's title, as its dashboard line disappears with the job.
    private func line(for entry: WorkerLogEntry, on dashboard: WorkerDashboard) -> String? {
        switch entry {
        case .event(.claimed): nil
        case .event(.finished(let job, let status, let code, let milliseconds, let paid)):
            "\(status == .success ? "✓" : "✗") \(dashboard.title(of: job) ?? job.text) "
                + "\(status.rawValue) in \(Text.duration(milliseconds: milliseconds))"
                + (code.flatMap { $0 == 0 ? nil : ", exit code \($0)" } ?? "")
                + (Earnings.text(paid).map { ", earned \($0)" } ?? "")
        default: entry.text
        }
    }
}
