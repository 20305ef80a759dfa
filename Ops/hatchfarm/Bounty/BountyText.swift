internal import Bytes

/// Bounties and their audits as text for people.
enum BountyText {
    /// How many lines of an audit's log are shown.
    private static let logLines = 20

    static func post(_ bounty: String) -> String { "/api/posts/\(Client.escape(bounty))" }
    static func task(_ bounty: String) -> String { "/api/tasks/\(Client.escape(bounty))" }

    static func hasEnded(_ task: JSON) -> Bool {
        ["done", "cancelled"].contains(task["task_status"]?.string)
    }

    static func table(_ tasks: [JSON]) -> Table {
        var table = Table("ID", "STATUS", "POINTS", "ESCROW", "CREATED", "AUTHOR", "ASSIGNEE", "TITLE")
        for task in tasks {
            table.row(
                field(task["id"]), field(task["task_status"]), field(task["points"]), field(task["escrow_status"]),
                JobText.age(task["created_at"]), field(task["author_handle"]), field(task["claimed_by_handle"]),
                field(task["title"]))
        }
        return table
    }

    /// `claimed by bob, a deposit of 4 held`; once it has ended `done, settled`.
    static func status(_ task: JSON) -> String {
        let status = task["task_status"]?.string ?? "unknown"
        let escrow = task["escrow_status"]?.string ?? "none"
        var parts = [Output.sanitized(status)]
        if status == "claimed", let assignee = task["claimed_by_handle"]?.string {
            parts[0] += " by \(Output.sanitized(assignee))"
            if let deposit = task["assignee_escrow"]?.int, deposit > 0 { parts.append("a deposit of \(deposit) held") }
        } else if hasEnded(task), escrow != "none" {
            parts.append(Output.sanitized(escrow))
        } else if status == "in_review", escrow == "both_held" {
            let isAudited = task["repo_url"]?.string != nil && task["tests"]?.string != nil
            parts.append(isAudited ? "waits for its audit" : "without repo or tests, so @queenbee decides")
        }
        return parts.joined(separator: ", ")
    }

    /// `audit: 1 of 2 passed`, and how that divides what is held.
    static func verdict(_ audit: JSON) -> [String] {
        let name = audit["dry_run"] == true ? "dry run" : "audit"
        let status = audit["status"]?.string
        let reason = audit["reason"]?.string.map { ": \(Output.sanitized($0))" } ?? ""
        guard let passed = audit["passed"]?.int, let total = audit["total"]?.int else {
            let what =
                switch status {
                case "waiting": "waits for a worker's verdict"
                case "superseded": "no verdict, the bounty ended first"
                default: "no verdict\(reason)"
                }
            return ["\(name): \(what)"]
        }
        var line = "\(name): \(passed) of \(total) passed"
        switch status {
        case "reported": line += audit["settles_at"]?.string.map { ", settles at \($0) unless disputed" } ?? ""
        case "disputed": line += ", disputed\(reason)"
        case "superseded": line += ", but the bounty ended otherwise"
        default: break
        }
        // Why nothing passed says the log's last line.
        let why = passed == 0 ? endOfLog(audit).suffix(1) : []
        guard let split = audit["split"], !split.isNull, status == "settled" || status == "reported" else {
            return [line] + why
        }
        return [line] + why + [
            "split: \(field(split["assignee_payout"])) paid, \(field(split["poster_refund"])) refunded; "
                + "of the deposit \(field(split["assignee_escrow_return"])) returned, "
                + "\(field(split["assignee_escrow_penalty"])) forfeited"
        ]
    }

    /// The last lines of an audit's log, indented.
    static func endOfLog(_ audit: JSON) -> [String] {
        LogText.lines(audit["log"]?.string ?? "").suffix(logLines).map { "  \(Output.sanitized($0))" }
    }

    /// A field as one cell or word; empty when it isn't set.
    private static func field(_ value: JSON?) -> String {
        guard let value, !value.isNull else { return "" }
        return Output.sanitized(value.string ?? value.text(.compact))
    }
}
