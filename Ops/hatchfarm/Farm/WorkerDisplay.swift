internal import API
internal import ArgumentParser
internal import Bytes
internal import Glibc
internal import Logging

/// How a worker's output looks when it isn't drawn.
enum LogFormat: String, CaseIterable, ExpressibleByArgument {
    /// A sentence a line, its time before it.
    case text
    /// An object a line.
    case json
}

/// Where a worker says what happens.
enum WorkerDisplay: Sendable {
    /// Drawn on a terminal.
    case live(LiveLines)
    case lines(Logger.Level)
    case json(Logger.Level)

    /// What happens never waits for whoever reads of it.
    private static let output = LogSink(descriptor: STDOUT_FILENO)

    /// - Parameter level: what is worth less is left out, but for what is drawn.
    static func standard(_ format: LogFormat, from level: Logger.Level, _ board: WorkerBoard) -> WorkerDisplay {
        switch format {
        case .json: .json(level)
        case .text: Output.canRedraw ? .live(LiveLines(board)) : .lines(level)
        }
    }

    func tell(_ news: WorkerNews) {
        switch self {
        case .live(let lines): lines.take(news)
        case .lines(let level):
            if news.level >= level, let sentence = news.sentence {
                let trace = TraceContext.current.map { " (trace \($0.traceID))" } ?? ""
                write("\(RFC3339.format(World.live.now())) \(sentence)\(trace)")
            }
        case .json(let level):
            guard news.level >= level, var json = news.json(at: World.live.now()) else { return }
            if let trace = TraceContext.current {
                json = .object((json.members ?? []) + [.init("trace_id", .string(trace.traceID))])
            }
            write(json.text(.compact))
        }
    }

    private func write(_ line: String) { Self.output.write(line.utf8) }

    /// Draws while `body` runs, and leaves the terminal as it was, however that ends.
    func shown<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        guard case .live(let lines) = self else {
            defer { Self.output.drain(milliseconds: 500) }
            return try await body()
        }
        let drawing = Task { await lines.run() }
        defer {
            lines.end()
            drawing.cancel()
        }
        return try await body()
    }
}
