package import Domain

/// A task as its author asks for it.
package struct NewBounty: Sendable {
    package var author: MemberID
    package var title: String
    package var content: String
    package var url: String?
    /// 1…10¹².
    package var points: Int64
    /// Milliseconds since 1970.
    package var deadline: Int64?
    package var acceptanceCriteria: String?
    package var tests: String?
    package var assignment = Bounty.Assignment.ownerAssigns
    package var isEscrow = false
    package var priority = Bounty.Priority.medium
    package var labels: [String] = []
    package var repoURL: String?
    package var branch: String?
    package var estimatedEffort: String?

    package init(author: MemberID, title: String, content: String, points: Int64) {
        self.author = author
        self.title = title
        self.content = content
        self.points = points
    }
}

extension Transaction {
    /// nil when the author is no member.
    func insertBounty(_ new: NewBounty) throws -> Bounty? {
        let escrow = new.isEscrow ? Bounty.Escrow.Status.posterHeld : .none
        return try readBounties(
            """
            INSERT INTO bounties (author_id, title, content, url, points, deadline, acceptance_criteria, tests,
                assignment_mode, priority, labels, repo_url, branch, estimated_effort, escrow_status, poster_escrow,
                created_at, updated_at)
            SELECT id, \(new.title), \(new.content), \(new.url), \(new.points), \(new.deadline),
                \(new.acceptanceCriteria), \(new.tests), \(new.assignment.rawValue), \(new.priority.rank),
                \(new.labels.joined(separator: "\n")), \(new.repoURL), \(new.branch), \(new.estimatedEffort),
                \(escrow.rawValue), \(new.isEscrow ? new.points : 0), \(now), \(now)
            FROM members WHERE id = \(new.author.text)
            RETURNING \(raw: Bounty.columns)
            """
        ).first
    }

    /// Gives an open task to `assignee`, with its deposit when it is in escrow: the guard of every claim. nil when it
    /// isn't open, is the assignee's own, is past the deadline of its escrow, or isn't such a task.
    /// - Parameter author: who gives it; nil when it is the first who comes.
    func giveBounty(_ id: Int64, to assignee: MemberID, by author: MemberID?) throws -> Bounty? {
        let mode: SQL = if let author { "AND author_id = \(author.text)" } else { "AND assignment_mode = 'fcfs'" }
        return try readBounties(
            """
            UPDATE bounties SET status = 1, claimed_by = \(assignee.text), claimed_at = \(now), updated_at = \(now),
                is_assigned = \(author != nil),
                escrow_status = CASE escrow_status WHEN 'poster_held' THEN 'both_held' ELSE escrow_status END,
                assignee_escrow = CASE escrow_status WHEN 'poster_held' THEN (points + 5) / 10 ELSE 0 END
            WHERE id = \(id) AND status = \(Bounty.Status.open.rank) AND author_id <> \(assignee.text) \(sql: mode)
                AND (escrow_status = 'none' OR deadline IS NULL OR deadline > \(now))
                AND EXISTS (SELECT 1 FROM members WHERE members.id = \(assignee.text))
            RETURNING \(raw: Bounty.columns)
            """
        ).first
    }

    /// Writes what can be changed of a task, guarded by the status that was seen.
    func updateBounty(_ task: Bounty, seen status: Bounty.Status) throws {
        let written = try execute(
            """
            UPDATE bounties SET title = \(task.title), content = \(task.content), url = \(task.url),
                status = \(task.status.rank), priority = \(task.priority.rank),
                labels = \(task.labels.joined(separator: "\n")), repo_url = \(task.repoURL),
                branch = \(task.branch), pr_url = \(task.prURL), estimated_effort = \(task.estimatedEffort),
                completed_at = \(task.completedAt), escrow_status = \(task.escrow.status.rawValue),
                poster_escrow = \(task.escrow.poster), assignee_escrow = \(task.escrow.assignee),
                audit_job = \(task.auditJob?.text), updated_at = \(now),
                review_since = CASE WHEN \(task.status.rank) <> 3 THEN NULL
                    WHEN status = 3 THEN review_since ELSE \(now) END
            WHERE id = \(task.id) AND status = \(status.rank)
            """)
        guard written == 1 else { throw InternalError("a locked task was changed by another") }
    }

    /// False when it is gone, or both sides' escrow is held.
    func deleteBounty(_ id: Int64) throws -> Bool {
        guard try execute("DELETE FROM bounties WHERE id = \(id) AND escrow_status <> 'both_held'") == 1 else {
            return false
        }
        try executeLater("INSERT INTO deleted_bounties (id) VALUES (\(id))")
        return true
    }

    /// Locks a task until the commit; a job that audits it is locked before.
    func lockBounty(_ id: Int64) throws -> Bounty? { try lockBounties("id = \(id) \(.forUpdate)").first }

    /// Locks tasks in the order of their ids.
    func lockBounties(_ ids: [Int64]) throws -> [Bounty] {
        try lockBounties("id \(in: ids) ORDER BY id \(.forUpdate)")
    }

    /// Locks escrow tasks that weren't handed in before their deadline, but for those that somebody has in hand.
    func lockOverdueBounties(_ picking: Picking) throws -> [Bounty] {
        try lockBounties(
            """
            deadline IS NOT NULL AND poster_escrow > 0 AND status < 3 AND deadline <= \(now)
                AND NOT (id \(in: picking.exceptNumbers))
            ORDER BY deadline LIMIT \(picking.limit) \(.skipLocked)
            """)
    }

    /// Locks escrow tasks that are in review since before an instant.
    func lockStaleReviews(before: Int64, _ picking: Picking) throws -> [Bounty] {
        try lockBounties(
            """
            poster_escrow > 0 AND status = 3 AND review_since <= \(before)
                AND NOT (id \(in: picking.exceptNumbers))
            ORDER BY review_since LIMIT \(picking.limit) \(.skipLocked)
            """)
    }

    /// The tasks whose `Bounty.columns` a statement returns.
    func readBounties(_ sql: SQL) throws -> [Bounty] {
        var found = try rows(sql) { try Bounty(&$0) }
        try putHandles(in: &found) { task, handle in
            task.authorHandle = handle(task.authorHandle)
            task.assigneeHandle = task.assigneeHandle.map(handle)
        }
        return found
    }

    private func lockBounties(_ condition: SQL) throws -> [Bounty] {
        try readBounties("SELECT \(raw: Bounty.columns) FROM bounties WHERE \(sql: condition)")
    }

    /// Writes the labels of a task beside what lists of a label need.
    func writeLabels(of task: Bounty, before: [String] = []) throws {
        // As the database compares them: Swift takes some texts of different bytes for equal.
        func written(_ labels: [String]) -> Set<[UInt8]> { Set(labels.map { Array($0.lowercased().utf8) }) }
        let labels = written(task.labels)
        let gone = written(before).subtracting(labels).map { String(decoding: $0, as: UTF8.self) }
        if !gone.isEmpty {
            try executeLater("DELETE FROM bounty_labels WHERE id = \(task.id) AND label \(in: gone)")
        }
        guard !labels.isEmpty else { return }
        let rows = SQL.Rows("labels", ["label", "id", "status", "priority", "points"], of: labels) { label in
            [
                .text(String(decoding: label, as: UTF8.self)), .integer(task.id), .integer(task.status.rank),
                .integer(task.priority.rank), .integer(task.points),
            ]
        }
        try executeLater(
            """
            INSERT INTO bounty_labels \(inserting: rows)
            ON CONFLICT (label, id) DO UPDATE SET status = excluded.status, priority = excluded.priority
            """)
    }

    func deleteLabels(of id: Int64) throws { try executeLater("DELETE FROM bounty_labels WHERE id = \(id)") }
}

extension Bounty {
    static let columns: StaticString = """
        bounties.id, author_id, title, content, url, points, deadline, acceptance_criteria, tests, assignment_mode,
        status, priority, labels, repo_url, branch, pr_url, estimated_effort, claimed_by, claimed_at, is_assigned,
        completed_at, comment_count, escrow_status, poster_escrow, assignee_escrow, audit_job, created_at, updated_at
        """

    /// Reads its `columns`, with ids in place of handles.
    fileprivate init(_ row: inout Row) throws {
        let (id, author) = try (row.integer(), MemberID(row.text()))
        let title = try row.text()
        let (content, url) = try (row.optionalText(), row.optionalText())
        let points = try row.integer()
        let (deadline, criteria, tests) = try (row.optionalInteger(), row.optionalText(), row.optionalText())
        let assignment: Assignment = try row.word()
        let (status, priority) = try (Status(rank: row.integer()), Priority(rank: row.integer()))
        guard let status, let priority else { throw InternalError.unreadable("the status of task \(id)") }
        let labels = try row.text().utf8.split(separator: UInt8(ascii: "\n")).compactMap { String($0) }
        let (repoURL, branch) = try (row.optionalText(), row.optionalText())
        let (prURL, effort) = try (row.optionalText(), row.optionalText())
        let assignee = try row.optionalText()
        let (claimedAt, isAssigned) = try (row.optionalInteger(), row.bool())
        let completedAt = try row.optionalInteger()
        let commentCount = try row.integer()
        let escrow = try Escrow(status: row.word(), poster: row.integer(), assignee: row.integer())
        let auditJob = try row.optionalText()
        self.init(
            id: id, author: author, authorHandle: author.text, title: title, points: points, assignment: assignment,
            status: status, priority: priority, escrow: escrow, createdAt: try row.integer())
        (self.content, self.url, self.deadline, acceptanceCriteria) = (content, url, deadline, criteria)
        (self.tests, self.labels, self.repoURL, self.branch) = (tests, labels, repoURL, branch)
        (self.prURL, estimatedEffort, self.claimedAt) = (prURL, effort, claimedAt)
        (self.completedAt, self.commentCount) = (completedAt, commentCount)
        self.assignee = assignee.map { MemberID($0) }
        assigneeHandle = assignee
        self.auditJob = auditJob.map { JobID($0) }
        self.isAssigned = isAssigned
        updatedAt = try row.integer()
    }
}
