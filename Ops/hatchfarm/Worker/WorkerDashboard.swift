internal import Domain
internal import Runtime
internal import Wire

/// A worker's status display: events in, lines out. Independent of terminal and clock.
struct WorkerDashboard: Sendable {
    private struct Job {
        let id: JobID
        let title: String
        let attempt: Int
        /// Milliseconds by the monotonic clock.
        let startedAt: Int64
        var percent: Double?
        var message = ""
    }

    let server: String
    let slots: Int
    private var jobs: [Job] = []
    private var earnings = Earnings()
    private var pending: Int?
    private var isDraining = false
    private var isOutsideHours = false
    /// What the machine can't run, and why.
    private var faults: [Kind: String] = [:]
    /// The current problem with the server.
    private var problem: String?

    init(server: String, slots: Int) {
        self.server = server
        self.slots = slots
    }

    var isRunningJobs: Bool { !jobs.isEmpty }

    /// `now`: monotonic milliseconds.
    mutating func update(_ event: WorkerEvent, at now: Int64) {
        earnings.record(event)
        switch event {
        case .claimed(let job):
            let title = Text.sanitized(job.title)
            jobs.append(
                Job(id: job.id, title: title.isEmpty ? job.id.text : title, attempt: job.attempt, startedAt: now))
            problem = nil
        case .progress(let id, let percent, let message):
            guard let index = jobs.firstIndex(where: { $0.id == id }) else { return }
            jobs[index].percent = percent.isFinite ? min(max(percent, 0), 100) : nil
            jobs[index].message = message.map(Text.sanitized) ?? jobs[index].message
        case .finished(let id, _, _, _, _): jobs.removeAll { $0.id == id }
        case .lost(let id, _), .cancelled(let id), .released(let id, _), .unreported(let id):
            jobs.removeAll { $0.id == id }
        case .heartbeat(let pendingJobs):
            pending = pendingJobs
            problem = nil
        case .backoff(let call, let error, _): problem = "\(call): \(Text.sanitized(error.message))"
        case .draining: isDraining = true
        case .outsideHours: isOutsideHours = true
        case .withinHours: isOutsideHours = false
        case .unfit(let kind, let reason): faults[kind] = Text.sanitized(reason)
        case .fit(let kind): faults[kind] = nil
        case .started, .recovered, .paid, .log, .stopped: break
        }
    }

    /// A running job's title.
    func title(of id: JobID) -> String? {
        jobs.first { $0.id == id }?.title
    }

    /// One line per job, as far as they fit, and one for the worker. None is wider than `columns`.
    func lines(columns: Int, rows: Int, at now: Int64, colour: Bool = false) -> [String] {
        let width = max(1, columns - 1)
        // Keeps the last row free, and one for the log above.
        let room = max(1, rows - 3)
        let shown = jobs.count <= room ? jobs.count : room - 1
        var lines = jobs.indices.filter { $0 < shown }.map { line(jobs[$0], width, at: now, colour) }
        if shown < jobs.count { lines.append(Text.truncated("… and \(jobs.count - shown) more", to: width)) }
        return lines + [status(width, colour)]
    }

    private func line(_ job: Job, _ width: Int, at now: Int64, _ colour: Bool) -> String {
        let elapsed = max(0, now - job.startedAt)
        let bar = job.percent.flatMap { width >= 60 ? Text.bar($0, columns: 10) + "  " : nil } ?? ""
        var cells: [String] = []
        if let percent = job.percent { cells.append(Self.padLeft("\(Int(percent)) %", 5)) }
        cells.append(Self.padLeft(Self.formatElapsed(elapsed), 7))
        if width >= 50 {
            let left = Self.remaining(job.percent, elapsed).map { "\(Self.formatElapsed($0)) left" }
            cells.append(Self.padLeft(left ?? "", 12))
        }
        if job.attempt > 1 { cells.append("attempt \(job.attempt)") }
        let text = cells.joined(separator: "  ")
        let name = job.message.isEmpty ? job.title : "\(job.title): \(job.message)"
        let room = width - Text.columns(bar) - Text.columns(text) - 2
        guard room >= 8 else { return Text.truncated(name, to: width) }
        return "\(Text.padded(name, to: room))  \(Self.paint(bar, .green, colour))\(text)"
    }

    private func status(_ width: Int, _ colour: Bool) -> String {
        var parts = [Text.sanitized(server), "\(jobs.count)/\(slots) running"]
        parts += ["\(earnings.done) done", "\(earnings.failed) failed"]
        if let usdt = earnings.usdt { parts.append("earned \(usdt) USDT") }
        if let pending { parts.append("\(pending) pending") }
        if isOutsideHours { parts.append("outside the policy's hours") }
        if isDraining { parts.append("draining") }
        parts += Set(faults.values).sorted()
        if let problem { parts.append(problem) }
        let text = Text.truncated(parts.joined(separator: " · "), to: width)
        return Self.paint(text, problem == nil && faults.isEmpty ? .dim : .yellow, colour)
    }

    /// The estimated remaining milliseconds; nil before one percent and one second.
    static func remaining(_ percent: Double?, _ elapsed: Int64) -> Int64? {
        guard let percent, percent >= 1, percent < 100, (1_000...86_400_000 * 30).contains(elapsed) else { return nil }
        return Int64(Double(elapsed) * (100 - percent) / percent)
    }

    /// `0:07`, `12:34`, `1:02:03`.
    static func formatElapsed(_ milliseconds: Int64) -> String {
        let seconds = max(0, milliseconds) / 1_000
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (minutes, rest) = (seconds / 60, two(seconds % 60))
        return minutes < 60 ? "\(minutes):\(rest)" : "\(minutes / 60):\(two(minutes % 60)):\(rest)"
    }

    private static func padLeft(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private enum Paint: String {
        case dim = "2", green = "32", yellow = "33"
    }

    private static func paint(_ text: String, _ paint: Paint, _ colour: Bool) -> String {
        colour && !text.isEmpty ? "\u{1B}[\(paint.rawValue)m\(text)\u{1B}[0m" : text
    }
}
