internal import API
internal import ArgumentParser
internal import Bytes
internal import Glibc
internal import Logging

/// The format of a worker's log.
enum LogFormat: String, CaseIterable, ExpressibleByArgument {
    /// A timestamp and a message per line.
    case text
    /// A JSON object per line.
    case json
}

/// Where and how a worker logs.
enum WorkerOutput: Sendable {
    /// A dashboard on a terminal.
    case live(LiveDashboard)
    case lines(Logger.Level)
    case json(Logger.Level)

    /// Logging never blocks on a slow reader.
    private static let output = LogSink(descriptor: STDOUT_FILENO)

    /// - Parameter level: the minimum level; has no effect on a terminal.
    static func standard(_ format: LogFormat, from level: Logger.Level, _ dashboard: WorkerDashboard) -> WorkerOutput {
        switch format {
        case .json: .json(level)
        case .text: Output.canRedraw ? .live(LiveDashboard(dashboard)) : .lines(level)
        }
    }

    func log(_ entry: WorkerLogEntry) {
        switch self {
        case .live(let dashboard): dashboard.log(entry)
        case .lines(let level):
            if entry.level >= level, let text = entry.text {
                let trace = TraceContext.current.map { " (trace \($0.traceID))" } ?? ""
                write("\(RFC3339.format(World.live.now())) \(text)\(trace)")
            }
        case .json(let level):
            guard entry.level >= level, var json = entry.json(at: World.live.now()) else { return }
            if let trace = TraceContext.current {
                json = .object((json.members ?? []) + [.init("trace_id", .string(trace.traceID))])
            }
            write(json.text(.compact))
        }
    }

    private func write(_ line: String) { Self.output.write(line.utf8) }

    /// Redraws the dashboard while `body` runs, and restores the terminal at the end.
    func withDisplay<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        guard case .live(let dashboard) = self else {
            defer { Self.output.drain(milliseconds: 500) }
            return try await body()
        }
        let drawing = Task { await dashboard.run() }
        defer {
            dashboard.end()
            drawing.cancel()
        }
        return try await body()
    }
}
