internal import Bytes

/// Follows a bounty until it ends, by polling.
struct BountyFollower {
    /// Between two polls, in milliseconds: doubled while nothing changes.
    private static let pauses: ClosedRange<Int64> = 500...5_000

    private let client: Client
    private let bounty: String
    private let asJSON: Bool
    private var status = StatusLine()
    /// What was last shown, of the bounty and of each audit by its id.
    private var lastStatus: String?
    private var lastVerdicts: [String: String] = [:]

    init(_ client: Client, bounty: String, asJSON: Bool) {
        self.client = client
        self.bounty = bounty
        self.asJSON = asJSON
    }

    /// Returns when the bounty is done; throws `.jobFailed` if it was cancelled.
    consuming func run() async throws {
        let ended = try await poll { follower in
            let task = try await follower.client.get(BountyText.task(follower.bounty))
            let hasEnded = BountyText.hasEnded(task)
            // The verdict that ended it comes before the end.
            if !hasEnded { follower.show(task) }
            if hasEnded || task["task_status"] == "in_review" {
                for audit in try await follower.client.audits(of: follower.bounty) ?? [] {
                    if audit["dry_run"] != true { follower.showVerdict(audit) }
                }
            }
            if hasEnded { follower.show(task) }
            return hasEnded ? task : nil
        }
        status.end()
        guard ended["task_status"] == "done" else {
            throw Failure.jobFailed("bounty \(bounty) \(ended["task_status"]?.string ?? "ended")")
        }
    }

    /// Returns when a dry run has a verdict; throws `.jobFailed` if it ended without one.
    consuming func awaitDryRun(_ id: String) async throws {
        if !asJSON { status.update("dry run: waits for a worker that is neither yours nor an assignee's") }
        let audit = try await poll { follower in
            let audits = try await follower.client.audits(of: follower.bounty) ?? []
            guard let audit = audits.first(where: { $0["id"]?.string == id }) else {
                throw Failure.unexpected("the dry run \(id) of bounty \(follower.bounty) is gone")
            }
            follower.showVerdict(audit)
            return audit["status"] == "waiting" ? nil : audit
        }
        guard audit["total"]?.int != nil else { throw Failure.jobFailed("the dry run \(id) has no verdict") }
    }

    /// Repeats `look` until it returns something. A server that is away for a while is waited for.
    private mutating func poll(_ look: (inout Self) async throws -> JSON?) async throws -> JSON {
        var outage = Outage()
        var pause = Self.pauses.lowerBound
        while true {
            let before = (lastStatus, lastVerdicts.count)
            do {
                if let found = try await look(&self) { return found }
                outage.end()
            } catch Failure.unreachable(let reason) {
                try outage.bear(reason)
            }
            let hasChanged = before != (lastStatus, lastVerdicts.count)
            pause = hasChanged ? Self.pauses.lowerBound : min(Self.pauses.upperBound, pause * 2)
            try await World.live.sleep(.milliseconds(pause))
        }
    }

    /// Shows the bounty if its status has changed.
    private mutating func show(_ task: JSON) {
        let text = BountyText.status(task)
        guard text != lastStatus else { return }
        lastStatus = text
        if asJSON { Output.line(task.text(.compact)) } else { status.update(text) }
    }

    /// Shows an audit that has a verdict, or has ended without one.
    private mutating func showVerdict(_ audit: JSON) {
        let lines = BountyText.verdict(audit)
        let text = lines.joined(separator: "\n")
        let id = audit["id"]?.string ?? ""
        guard audit["status"] != "waiting", lastVerdicts[id] != text else { return }
        lastVerdicts[id] = text
        guard !asJSON else { return Output.line(audit.text(.compact)) }
        for line in lines { status.line(line) }
    }
}
