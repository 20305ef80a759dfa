internal import Bytes
internal import Domain
internal import Runtime
internal import Synchronization
internal import Wire

/// A worker's board at the bottom of a terminal, drawn over itself when it changed and at most ten times a second;
/// what has happened scrolls by above it.
final class LiveLines: Sendable {
    private struct State {
        var board: WorkerBoard
        /// Lines that stay, not written yet.
        var above: [String] = []
        var left = 0
    }

    /// Who holds it may write to the terminal.
    private struct Screen {
        var shown: [String] = []
        var isOver = false
    }

    /// Lines that wait for a drawing; more are counted, not kept.
    private static let waiting = 500

    private let state: Mutex<State>
    private let screen = Mutex(Screen())
    private let changes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(_ board: WorkerBoard) {
        state = Mutex(State(board: board))
    }

    /// Never waits for the terminal.
    func take(_ news: WorkerNews) {
        let now = World.live.monotonic()
        state.withLock { state in
            if let sentence = line(of: news, on: state.board) {
                if state.above.count < Self.waiting { state.above.append(sentence) } else { state.left += 1 }
            }
            if case .event(let event) = news { state.board.take(event, at: now) }
        }
        changes.continuation.yield()
    }

    /// Draws until its task is cancelled.
    func run() async {
        for await _ in changes.stream {
            repeat {
                draw()
                try? await World.live.sleep(.milliseconds(100))
                // The clocks of running jobs go on without any news.
            } while state.withLock(\.board.isWorking) && !Task.isCancelled
        }
    }

    /// Takes the board off the screen and leaves what has been said. Nothing is drawn afterwards.
    func end() {
        draw(isLast: true)
        changes.continuation.finish()
    }

    private func draw(isLast: Bool = false) {
        let size = Output.size()
        let now = World.live.monotonic()
        screen.withLock { screen in
            guard !screen.isOver else { return }
            screen.isOver = isLast
            let (lines, above) = state.withLock { state in
                defer { (state.above, state.left) = ([], 0) }
                let more = state.left > 0 ? ["… and \(state.left) more lines"] : []
                let colour = Output.hasColour
                let lines = state.board.lines(columns: size.columns, rows: size.rows, at: now, colour: colour)
                return (isLast ? [] : lines, state.above + more)
            }
            let text = Self.redrawn(from: screen.shown, to: lines, above: above)
            screen.shown = lines
            if !text.isEmpty { Output.text(text) }
        }
    }

    /// What must be written where `old` stands, the cursor behind its last line, so that `above` and `new` stand there.
    /// Nothing when nothing changed.
    static func redrawn(from old: [String], to new: [String], above: [String]) -> String {
        guard old != new || !above.isEmpty else { return "" }
        let up = old.count > 1 ? "\u{1B}[\(old.count - 1)A" : ""
        let kept = above.map { "\($0)\u{1B}[K\n" }.joined()
        return "\r\(up)\(kept)\(new.map { "\($0)\u{1B}[K" }.joined(separator: "\n"))\u{1B}[J"
    }

    /// A job is called by its title here: its board's line goes when the job does.
    private func line(of news: WorkerNews, on board: WorkerBoard) -> String? {
        switch news {
        case .event(.claimed): nil
        case .event(.finished(let job, let status, let code, let milliseconds, let paid)):
            "\(status == .success ? "✓" : "✗") \(board.title(of: job) ?? job.text) "
                + "\(status.rawValue) in \(Text.duration(milliseconds: milliseconds))"
                + (code.flatMap { $0 == 0 ? nil : ", exit code \($0)" } ?? "")
                + (Earnings.text(paid).map { ", earned \($0)" } ?? "")
        default: news.sentence
        }
    }
}
