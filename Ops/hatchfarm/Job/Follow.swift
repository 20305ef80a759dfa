internal import Bytes

/// Follows one job to its end: by its events, by asking while there are none.
struct Follow {
    /// How long a server may be away before we give up, in milliseconds.
    static let patience: Int64 = 60_000

    private let client: Client
    private let job: String
    private let asJSON: Bool
    private var status = StatusLine()
    private var lastEvent: String?
    private var lastStatus: String?

    init(_ client: Client, job: String, asJSON: Bool) {
        self.client = client
        self.job = job
        self.asJSON = asJSON
    }

    /// Returns when the job has completed; throws `.jobFailed` when it ended otherwise.
    consuming func toTheEnd() async throws {
        let path = JobText.path(job)
        var state = try await client.get(path)
        tell(state)
        var lastAnswer = World.live.monotonic()
        var pause: Int64 = 250
        var looksOver = false
        while true {
            do {
                let heard = try await listen()
                state = try await client.get(path)
                lastAnswer = World.live.monotonic()
                tell(state)
                // Over by its events, or twice in a row by asking: then no events will come.
                if JobText.hasEnded(state), heard == .end || looksOver { break }
                looksOver = JobText.hasEnded(state)
                pause = heard == .something ? 250 : min(2_000, pause * 2)
            } catch Failure.unreachable(let reason) {
                guard World.live.monotonic() - lastAnswer < Self.patience else { throw Failure.unreachable(reason) }
            }
            try await World.live.sleep(.milliseconds(pause))
        }
        try end(state)
    }

    private mutating func end(_ state: JSON) throws(Failure) {
        let ending = JobText.ending(state)
        if asJSON {
            Output.line(state.text(.compact))
        } else {
            status.update(ending)
            status.end()
        }
        let word = state["status"]?.string ?? "ended"
        guard word == "completed" else { throw .jobFailed("job \(job) \(word)") }
    }

    private enum Heard { case nothing, something, end }

    /// Reads events until the job has ended or the stream has.
    private mutating func listen() async throws -> Heard {
        var heard = Heard.nothing
        do {
            try await client.events("\(JobText.path(job))/events", after: lastEvent) { event in
                lastEvent = event.id ?? lastEvent
                heard = tell(event) ? .something : .end
                return heard == .something
            }
        } catch Failure.unreachable where heard == .something {
            // The stream broke: ask, then listen again from the last event.
        }
        return heard
    }

    /// False when this was the last one.
    private mutating func tell(_ event: ServerEvent) -> Bool {
        let data = event.json ?? .null
        if asJSON {
            Output.line(JSON.object([.init("event", .string(event.name)), .init("data", data)]).text(.compact))
        } else if event.name == "log" {
            for line in LogText.lines(data) { status.line(Output.tame(line)) }
        } else {
            tell(data)
        }
        return event.name == "log" || !JobText.hasEnded(data)
    }

    /// Where the job stands, when that is news.
    private mutating func tell(_ job: JSON) {
        guard !asJSON, !JobText.hasEnded(job) else { return }
        lastStatus = job["status"]?.string ?? lastStatus
        var parts = [lastStatus ?? "following"]
        if let attempt = job["attempt"]?.int, attempt > 1 { parts.append("attempt \(attempt)") }
        if let percent = job["percent"]?.int {
            let bar = status.isTerminal ? "\(Text.bar(Double(percent), columns: 20))  " : ""
            parts.append("\(bar)\(percent) %")
        }
        if let message = job["message"]?.string, !message.isEmpty { parts.append(Output.tame(message)) }
        status.update(parts.joined(separator: ", "))
    }
}

/// The text in a piece of a job's log.
enum LogText {
    static func lines(_ piece: JSON) -> [String] {
        lines(piece["text"]?.string ?? "")
    }

    static func lines(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }
}
