internal import Bytes

/// Follows a job until it ends: by its event stream, or by polling.
struct JobFollower {
    /// How long the server may be unreachable, in milliseconds.
    static let reconnectTimeout: Int64 = 60_000

    private let client: Client
    private let job: String
    private let asJSON: Bool
    private var status = StatusLine()
    private var lastEvent: String?
    private var lastStatus: String?

    /// Whether the server was there a moment ago: one that never was is not waited for.
    private var hasAnswered: Bool

    init(_ client: Client, job: String, asJSON: Bool, hasAnswered: Bool = false) {
        self.client = client
        self.job = job
        self.asJSON = asJSON
        self.hasAnswered = hasAnswered
    }

    /// Returns when the job has completed; throws `.jobFailed` if it ended otherwise.
    consuming func run() async throws {
        let path = JobText.path(job)
        var isKnown = false
        var outage = Outage()
        var pause: Int64 = 250
        var hasSeenEnd = false
        while true {
            do {
                let received = try await isKnown ? listen() : .something
                let state = try await client.get(path)
                hasAnswered = true
                outage.end()
                show(state)
                // Ended according to its events, or twice in a row by polling: then no further events will come.
                if isKnown, JobText.hasEnded(state), received == .end || hasSeenEnd { return try end(state) }
                hasSeenEnd = isKnown && JobText.hasEnded(state)
                pause = received == .something ? 250 : min(2_000, pause * 2)
                if !isKnown {
                    isKnown = true
                    continue
                }
            } catch Failure.unreachable(let reason) {
                guard hasAnswered else { throw Failure.unreachable(reason) }
                try outage.bear(reason)
            }
            try await World.live.sleep(.milliseconds(pause))
        }
    }

    private mutating func end(_ state: JSON) throws(Failure) {
        let ending = JobText.ending(state)
        if asJSON {
            Output.line(state.text(.compact))
        } else {
            status.update(ending)
            status.end()
        }
        let final = state["status"]?.string ?? "ended"
        guard final == "completed" else { throw .jobFailed("job \(job) \(final)") }
    }

    private enum Received { case nothing, something, end }

    /// Reads events until the job has ended or the stream has.
    private mutating func listen() async throws -> Received {
        var received = Received.nothing
        do {
            try await client.events("\(JobText.path(job))/events", after: lastEvent) { event in
                lastEvent = event.id ?? lastEvent
                received = show(event) ? .something : .end
                return received == .something
            }
        } catch Failure.unreachable where received == .something {
            // The stream broke: poll, then resume after the last event.
        }
        return received
    }

    /// Returns false if this was the last event.
    private mutating func show(_ event: ServerEvent) -> Bool {
        let data = event.json ?? .null
        if asJSON {
            Output.line(JSON.object([.init("event", .string(event.name)), .init("data", data)]).text(.compact))
        } else if event.name == "log" {
            for line in LogText.lines(data) { status.line(Output.logLine(line)) }
        } else {
            show(data)
        }
        return event.name == "log" || !JobText.hasEnded(data)
    }

    /// Shows the job's state if it has changed.
    private mutating func show(_ job: JSON) {
        guard !asJSON, !JobText.hasEnded(job) else { return }
        lastStatus = job["status"]?.string ?? lastStatus
        var parts = [lastStatus ?? "following"]
        if let attempt = job["attempt"]?.int, attempt > 1 { parts.append("attempt \(attempt)") }
        if let percent = job["percent"]?.int {
            let bar = status.isTerminal ? "\(Text.bar(Double(percent), columns: 20))  " : ""
            parts.append("\(bar)\(percent) %")
        }
        if let message = job["message"]?.string, !message.isEmpty { parts.append(Output.sanitized(message)) }
        status.update(parts.joined(separator: ", "))
    }
}

/// The lines in a piece of a job's log.
enum LogText {
    static func lines(_ piece: JSON) -> [String] {
        lines(piece["text"]?.string ?? "")
    }

    /// As the job wrote it.
    static func bytes(_ piece: JSON) -> [UInt8] {
        piece["text_base64"]?.string.flatMap { Base64.decode($0) } ?? Array((piece["text"]?.string ?? "").utf8)
    }

    static func lines(_ text: String) -> [String] {
        // By bytes: to Swift, a carriage return and a newline are one character.
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            String(line.last == UInt8(ascii: "\r") ? line.dropLast() : line) ?? ""
        }
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }
}
