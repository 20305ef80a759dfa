internal import Domain
internal import Runtime
internal import Wire

/// What a worker's screen shows: events in, lines out. Knows no terminal and no clock.
struct WorkerBoard: Sendable {
    private struct Job {
        let id: JobID
        let title: String
        let attempt: Int
        /// By the monotonic clock, milliseconds.
        let since: Int64
        var percent: Double?
        var message = ""
    }

    let server: String
    let slots: Int
    private var jobs: [Job] = []
    private var earnings = Earnings()
    private var pending: Int?
    private var isDraining = false
    private var isClosed = false
    /// What the server's half doesn't do just now.
    private var trouble: String?

    init(server: String, slots: Int) {
        self.server = server
        self.slots = slots
    }

    var isWorking: Bool { !jobs.isEmpty }

    /// `now`: monotonic milliseconds.
    mutating func take(_ event: WorkerEvent, at now: Int64) {
        earnings.take(event)
        switch event {
        case .claimed(let job):
            let title = Text.tame(job.title)
            jobs.append(Job(id: job.id, title: title.isEmpty ? job.id.text : title, attempt: job.attempt, since: now))
            trouble = nil
        case .progress(let id, let percent, let message):
            guard let index = jobs.firstIndex(where: { $0.id == id }) else { return }
            jobs[index].percent = percent.isFinite ? min(max(percent, 0), 100) : nil
            jobs[index].message = message.map(Text.tame) ?? jobs[index].message
        case .finished(let id, _, _, _, _): jobs.removeAll { $0.id == id }
        case .lost(let id, _), .cancelled(let id), .released(let id, _), .unreported(let id):
            jobs.removeAll { $0.id == id }
        case .heartbeat(let pendingJobs):
            pending = pendingJobs
            trouble = nil
        case .backoff(let call, let error, _): trouble = "\(call): \(Text.tame(error.message))"
        case .draining: isDraining = true
        case .outsideHours: isClosed = true
        case .withinHours: isClosed = false
        case .started, .recovered, .paid, .log, .stopped: break
        }
    }

    /// What the job is called, for a line about it.
    func title(of id: JobID) -> String? {
        jobs.first { $0.id == id }?.title
    }

    /// A line for each job, as many as there is room for, and one about the worker. None is wider than `columns`.
    func lines(columns: Int, rows: Int, at now: Int64, colour: Bool = false) -> [String] {
        let width = max(1, columns - 1)
        // The last row stays free, and so does one for what is said above.
        let room = max(1, rows - 3)
        let shown = jobs.count <= room ? jobs.count : room - 1
        var lines = jobs.indices.filter { $0 < shown }.map { line(jobs[$0], width, at: now, colour) }
        if shown < jobs.count { lines.append(Text.clipped("… and \(jobs.count - shown) more", to: width)) }
        return lines + [status(width, colour)]
    }

    private func line(_ job: Job, _ width: Int, at now: Int64, _ colour: Bool) -> String {
        let elapsed = max(0, now - job.since)
        let bar = job.percent.flatMap { width >= 60 ? Text.bar($0, columns: 10) + "  " : nil } ?? ""
        var facts: [String] = []
        if let percent = job.percent { facts.append(Self.right("\(Int(percent)) %", 5)) }
        facts.append(Self.right(Self.clock(elapsed), 7))
        if width >= 50 {
            let left = Self.left(job.percent, elapsed).map { "\(Self.clock($0)) left" }
            facts.append(Self.right(left ?? "", 12))
        }
        if job.attempt > 1 { facts.append("try \(job.attempt)") }
        let text = facts.joined(separator: "  ")
        let name = job.message.isEmpty ? job.title : "\(job.title): \(job.message)"
        let room = width - Text.columns(bar) - Text.columns(text) - 2
        guard room >= 8 else { return Text.clipped(name, to: width) }
        return "\(Text.padded(name, to: room))  \(Self.paint(bar, .green, colour))\(text)"
    }

    private func status(_ width: Int, _ colour: Bool) -> String {
        var parts = [Text.tame(server), "\(jobs.count)/\(slots) running"]
        parts += ["\(earnings.done) done", "\(earnings.failed) failed"]
        if let usdt = earnings.usdt { parts.append("earned \(usdt) USDT") }
        if let pending { parts.append("\(pending) pending") }
        if isClosed { parts.append("outside the policy's hours") }
        if isDraining { parts.append("draining") }
        if let trouble { parts.append(trouble) }
        let text = Text.clipped(parts.joined(separator: " · "), to: width)
        return Self.paint(text, trouble == nil ? .dim : .yellow, colour)
    }

    /// Milliseconds that are left if it goes on as until now. Nothing is said of less than one percent or a second.
    static func left(_ percent: Double?, _ elapsed: Int64) -> Int64? {
        guard let percent, percent >= 1, percent < 100, (1_000...86_400_000 * 30).contains(elapsed) else { return nil }
        return Int64(Double(elapsed) * (100 - percent) / percent)
    }

    /// `0:07`, `12:34`, `1:02:03`.
    static func clock(_ milliseconds: Int64) -> String {
        let seconds = max(0, milliseconds) / 1_000
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (minutes, rest) = (seconds / 60, two(seconds % 60))
        return minutes < 60 ? "\(minutes):\(rest)" : "\(minutes / 60):\(two(minutes % 60)):\(rest)"
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private enum Paint: String {
        case dim = "2", green = "32", yellow = "33"
    }

    private static func paint(_ text: String, _ paint: Paint, _ colour: Bool) -> String {
        colour && !text.isEmpty ? "\u{1B}[\(paint.rawValue)m\(text)\u{1B}[0m" : text
    }
}
