internal import Domain

/// What a job that lives again still has to bring back among those that were cancelled with it.
struct PendingRevival {
    var job: JobID
    var owner: OwnerID
    /// The last of its dependents, in the order of their ids, that was seen to; empty before the first.
    var lastID = ""
}

/// A job that was cancelled because one that it waited for had come to nothing.
struct CancelledDependent {
    var id: JobID
    var owner: OwnerID
    var fence: Int64
    /// Minor units of USDT: what its attempts have earned, and what it may cost in all.
    var paid: Int64
    var maxPrice: Int64?
    /// How many of those that it depends on haven't completed yet.
    var waitsFor: Int64 = 0

    /// What is to be held for it anew; the fence it comes back with makes the hold's name its own.
    var hold: Hold? {
        guard let maxPrice, maxPrice > paid else { return nil }
        return Hold(
            id: "job:\(id.text)/\(fence + 1)", owner: owner, asset: .usdt, amount: maxPrice - paid, purpose: .job,
            reference: id.text)
    }
}

extension Transaction {
    /// Those that are there already begin anew.
    func upsertRevivals(_ pending: [PendingRevival], turn: Int64) throws {
        let rows = SQL.Rows("pending", ["job_id", "owner_id", "last_id", "turn"], of: pending) { entry in
            [.text(entry.job.text), .text(entry.owner.text), .text(entry.lastID), .integer(turn)]
        }
        try executeLater(
            """
            INSERT INTO revivals \(inserting: rows)
            ON CONFLICT (job_id) DO UPDATE SET last_id = excluded.last_id, turn = excluded.turn
            """)
    }

    /// Locks those whose turn it is, who have waited for it the longest first, but for those that somebody has in hand.
    func lockRevivals(limit: Int) throws -> [PendingRevival] {
        try rows(
            """
            SELECT job_id, owner_id, last_id FROM revivals WHERE turn <= \(now)
            ORDER BY turn LIMIT \(limit) \(.skipLocked)
            """
        ) { row in try PendingRevival(job: JobID(row.text()), owner: OwnerID(row.text()), lastID: row.text()) }
    }

    func deleteRevivals(_ jobs: [JobID]) throws {
        try SQL.chunked(jobs) { try executeLater("DELETE FROM revivals WHERE job_id \(in: $0.map(\.text))") }
    }

    /// Locks those of the jobs that were cancelled for want of another, in id order, and reads what they may cost.
    func lockCancelledDependents(_ ids: [JobID]) throws -> [CancelledDependent] {
        var found: [CancelledDependent] = []
        try SQL.chunked(ids) { chunk in
            found += try rows(
                """
                SELECT id, owner_id, fence, paid FROM ended_jobs
                WHERE id \(in: chunk.map(\.text)) AND state = 'cancelled' AND reason = 'dependency'
                ORDER BY id \(.forUpdate)
                """
            ) { row in
                try CancelledDependent(
                    id: JobID(row.text()), owner: OwnerID(row.text()), fence: row.integer(), paid: row.integer())
            }
        }
        let prices = try maxPrices(found.map(\.id))
        for index in found.indices { found[index].maxPrice = prices[found[index].id] }
        return found
    }

    private func maxPrices(_ ids: [JobID]) throws -> [JobID: Int64] {
        var prices: [JobID: Int64] = [:]
        try SQL.chunked(ids) { chunk in
            let some = try rows(
                "SELECT id, max_price FROM jobs WHERE id \(in: chunk.map(\.text)) AND max_price IS NOT NULL"
            ) { row in try (JobID(row.text()), row.integer()) }
            for (id, price) in some { prices[id] = price }
        }
        return prices
    }

    /// What each of these depends on.
    func dependencies(of ids: [JobID]) throws -> [JobID: [JobID]] {
        var found: [JobID: [JobID]] = [:]
        try SQL.chunked(ids) { chunk in
            let some = try rows(
                "SELECT job_id, depends_on FROM job_dependencies WHERE job_id \(in: chunk.map(\.text))"
            ) { row in try (JobID(row.text()), JobID(row.text())) }
            for (job, on) in some { found[job, default: []].append(on) }
        }
        return found
    }

    /// Locks those of the jobs that live, in id order.
    func lockLive(_ ids: [JobID]) throws -> Set<JobID> {
        var found: Set<JobID> = []
        try SQL.chunked(ids.sorted()) { chunk in
            found.formUnion(
                try rows("SELECT id FROM live_jobs WHERE id \(in: chunk.map(\.text)) ORDER BY id \(.forUpdate)") {
                    try JobID($0.text())
                })
        }
        return found
    }

    /// Those of the ended jobs whose dependents are still being seen to.
    func cascading(_ ids: [JobID]) throws -> Set<JobID> {
        var found: Set<JobID> = []
        try SQL.chunked(ids) { chunk in
            found.formUnion(
                try rows("SELECT job_id FROM cascades WHERE job_id \(in: chunk.map(\.text))") {
                    try JobID($0.text())
                })
        }
        return found
    }

    /// Takes locked jobs out of history and lets them live again: blocked, or ready when they wait for nothing. Each
    /// fence grows by one, so that its hold has a name of its own. As they live now.
    func bringBack(_ jobs: [CancelledDependent]) throws -> [LiveJob] {
        try SQL.chunked(jobs.map(\.id)) { chunk in
            try executeLater("DELETE FROM ended_jobs WHERE id \(in: chunk.map(\.text)) AND state = 'cancelled'")
        }
        let back = SQL.Rows("back", ["job", "waits", "number", "spent", "hold"], of: jobs) { job in
            [
                .text(job.id.text), .integer(job.waitsFor), .integer(job.fence + 1), .integer(job.paid),
                .integer(job.hold?.amount ?? 0),
            ]
        }
        return try rows(
            """
            INSERT INTO live_jobs (id, owner_id, class_id, state, tag, since, run_at, max_attempts, fence, paid, held,
                hold_number, waits_for, dependents)
            SELECT jobs.id, owner_id, class_id, CASE WHEN \(back.waits) > 0 THEN 'blocked' ELSE 'scheduled' END, 0,
                \(now), \(now), max_attempts, \(back.number), \(back.spent), \(back.hold), \(back.number),
                \(back.waits),
                (SELECT COUNT(*) FROM (SELECT 1 FROM job_dependencies WHERE depends_on = jobs.id LIMIT 501) AS few)
            FROM jobs\(and: back) WHERE jobs.id \(is: back.job)
            RETURNING \(raw: LiveJob.columns)
            """
        ) { try LiveJob(&$0) }
    }

    /// Locked jobs that some wait for again: one more than is known, as a submission that found them ended, at the
    /// moment of their retry, has told nobody that it names them.
    func noteAwaited(_ ids: [JobID]) throws {
        try SQL.chunked(ids) { chunk in
            try executeLater("UPDATE live_jobs SET dependents = dependents + 1 WHERE id \(in: chunk.map(\.text))")
        }
    }

    /// Jobs that stay cancelled, and why.
    func explainCancelled(_ ids: [JobID], _ error: String) throws {
        try SQL.chunked(ids) { chunk in
            try executeLater("UPDATE ended_jobs SET error = \(error) WHERE id \(in: chunk.map(\.text))")
        }
    }
}
