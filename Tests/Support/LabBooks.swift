internal import Bytes
package import Domain
package import Store

/// What never may be in the database, and is.
package struct BooksDoNotBalance: Error, CustomStringConvertible {
    package let description: String
}

extension Lab {
    /// Throws if the rows contradict each other anywhere, or an owner's events are no chain.
    package func expectBooksBalance() async throws {
        let found = try await database.read { try $0.contradictions() }
        guard found.isEmpty else { throw BooksDoNotBalance(description: found.joined(separator: "\n")) }
    }

    /// Throws if an owner's sealed events are no chain.
    package func expectChain(of owner: OwnerID) async throws {
        let checkpoint = try await database.read { try $0.checkpoint(of: owner) }
        var previous = checkpoint?.hash ?? String(repeating: "0", count: 64)
        for sealed in try await sealedChain(of: owner) {
            let hash = SHA256.hex(Array(previous.utf8) + (try sealed.event.canonical()))
            guard sealed.prevHash == previous, sealed.hash == hash else {
                throw BooksDoNotBalance(description: "the chain of \(owner) breaks at \(sealed.event.id)")
            }
            previous = sealed.hash
        }
    }
}

extension Transaction {
    /// Every sentence that the rows break, with the job that breaks it.
    package func contradictions() throws -> [String] {
        try Self.sentences.flatMap { sentence, query in
            try rows(query) { try $0.text() }.map { "\(sentence): \($0)" }
        }
    }

    /// How many grants of a job are on record, and how many of them came to this end.
    private static func grants(_ outcome: StaticString) -> SQL {
        "(SELECT COUNT(*) FROM attempts WHERE job_id = jobs.id AND \(raw: outcome))"
    }

    /// A job that was cancelled before it ran and is brought back has a fence more, which was nobody's.
    private static let unrevived: SQL = """
        NOT EXISTS (SELECT 1 FROM events WHERE type = 'jobs_revived' AND metadata LIKE '%' || jobs.id || '%')
        """

    private static let sentences: [(String, SQL)] = [
        (
            "a job is live or ended, and not both",
            """
            SELECT jobs.id FROM jobs LEFT JOIN live_jobs ON live_jobs.id = jobs.id
                LEFT JOIN ended_jobs ON ended_jobs.id = jobs.id
            WHERE (live_jobs.id IS NULL) = (ended_jobs.id IS NULL)
            """
        ),
        (
            "nothing lives or ended that was never submitted",
            """
            SELECT id FROM live_jobs WHERE id NOT IN (SELECT id FROM jobs)
            UNION ALL SELECT id FROM ended_jobs WHERE id NOT IN (SELECT id FROM jobs)
            """
        ),
        (
            "a lease ends when it must",
            "SELECT id FROM live_jobs WHERE state = 'running' AND (visible_until > lease_ends OR lease_ends IS NULL)"
        ),
        (
            "what doesn't run holds nothing of a lease",
            """
            SELECT id FROM live_jobs WHERE state <> 'running' AND (claimed_at IS NOT NULL OR lease_ends IS NOT NULL
                OR visibility_timeout IS NOT NULL OR claim_request IS NOT NULL)
            """
        ),
        (
            "every fence that was given is on record once",
            """
            SELECT jobs.id FROM jobs JOIN live_jobs ON live_jobs.id = jobs.id
            WHERE fence <> \(sql: grants("TRUE")) + (CASE WHEN state = 'running' THEN 1 ELSE 0 END)
                AND \(sql: unrevived)
            UNION ALL SELECT jobs.id FROM jobs JOIN ended_jobs ON ended_jobs.id = jobs.id
            WHERE fence <> \(sql: grants("TRUE")) + (CASE WHEN claimed_at IS NOT NULL THEN 1 ELSE 0 END)
                AND \(sql: unrevived)
            """
        ),
        (
            "an attempt is a grant that was not given back",
            """
            SELECT jobs.id FROM jobs JOIN live_jobs ON live_jobs.id = jobs.id
            WHERE attempt <> fence - \(sql: grants("outcome = 'released'")) AND \(sql: unrevived)
            UNION ALL SELECT jobs.id FROM jobs JOIN ended_jobs ON ended_jobs.id = jobs.id
            WHERE attempt <> fence - \(sql: grants("outcome = 'released'")) AND \(sql: unrevived)
            """
        ),
        (
            "a lost lease is counted once",
            """
            SELECT jobs.id FROM jobs JOIN live_jobs ON live_jobs.id = jobs.id
            WHERE losses <> \(sql: grants("outcome = 'lost'"))
            UNION ALL SELECT jobs.id FROM jobs JOIN ended_jobs ON ended_jobs.id = jobs.id
            WHERE losses <> \(sql: grants("outcome = 'lost'")) + (CASE WHEN reason = 'poison' THEN 1 ELSE 0 END)
            """
        ),
        (
            "failures stay within the attempts",
            "SELECT id FROM live_jobs WHERE failures >= max_attempts"
        ),
        (
            "a blocked job waits for exactly those that live, or whose end has not come to it yet",
            """
            SELECT id FROM live_jobs WHERE state = 'blocked' AND waits_for <>
                (SELECT COUNT(*) FROM job_dependencies JOIN live_jobs AS other ON other.id = depends_on
                    WHERE job_id = live_jobs.id)
                + (SELECT COUNT(*) FROM job_dependencies JOIN cascades ON cascades.job_id = depends_on
                    WHERE job_dependencies.job_id = live_jobs.id AND job_dependencies.job_id > last_id)
            """
        ),
        (
            "who is waited for knows it",
            """
            SELECT other.id FROM live_jobs JOIN job_dependencies ON job_id = live_jobs.id
                JOIN live_jobs AS other ON other.id = depends_on
            WHERE live_jobs.state = 'blocked' AND other.dependents = 0
            """
        ),
        (
            "what still has to follow an end is of a job that has ended",
            "SELECT job_id FROM cascades WHERE job_id NOT IN (SELECT id FROM ended_jobs)"
        ),
        (
            "an owner's live jobs are counted, with the changes that aren't summed up yet",
            """
            SELECT owner_id FROM (
                SELECT owner_id, 1 AS jobs FROM live_jobs WHERE device_id IS NULL AND bounty_id IS NULL
                UNION ALL SELECT owner_id, -jobs FROM live_counts
                UNION ALL SELECT owner_id, -jobs FROM live_changes) AS counted
            GROUP BY owner_id HAVING SUM(jobs) <> 0
            """
        ),
        (
            "every asset sums to zero",
            "SELECT asset FROM ledger_accounts GROUP BY asset HAVING SUM(balance) <> 0"
        ),
        (
            "an account stands where its transfers left it",
            """
            SELECT id FROM ledger_accounts WHERE
                balance <> (SELECT COALESCE(SUM(amount), 0) FROM ledger_transfers WHERE credit = ledger_accounts.id)
                    - (SELECT COALESCE(SUM(amount), 0) FROM ledger_transfers WHERE debit = ledger_accounts.id)
                OR lines <> (SELECT COUNT(*) FROM ledger_transfers
                    WHERE credit = ledger_accounts.id OR debit = ledger_accounts.id)
            """
        ),
        (
            "what is held is what pending holds and tasks' escrow hold",
            """
            SELECT id FROM ledger_accounts WHERE kind = 'held' AND balance <>
                (SELECT COALESCE(SUM(amount - posted), 0) FROM holds
                    WHERE holds.owner_id = ledger_accounts.owner_id AND holds.asset = ledger_accounts.asset
                        AND state = 'pending')
                + CASE WHEN asset = 'POINTS' THEN
                    (SELECT COALESCE(SUM(poster_escrow), 0) FROM bounties
                        WHERE author_id = ledger_accounts.owner_id)
                    + (SELECT COALESCE(SUM(assignee_escrow), 0) FROM bounties
                        WHERE claimed_by = ledger_accounts.owner_id)
                  ELSE 0 END
            """
        ),
        (
            "a live job's money is its pending hold",
            """
            SELECT live_jobs.id FROM live_jobs
                LEFT JOIN holds ON holds.id = 'job:' || live_jobs.id || '/' || hold_number AND holds.state = 'pending'
            WHERE live_jobs.held <> COALESCE(holds.amount - holds.posted, 0)
            """
        ),
        (
            "no hold of a job outlives it",
            """
            SELECT id FROM holds WHERE purpose = 'job' AND state = 'pending'
                AND reference NOT IN (SELECT id FROM live_jobs)
            """
        ),
        (
            "a withdrawal is its hold: pending while it is open, then posted or voided",
            """
            SELECT withdrawals.id FROM withdrawals LEFT JOIN holds ON holds.id = 'withdrawal:' || withdrawals.id
            WHERE holds.id IS NULL OR holds.owner_id <> withdrawals.owner_id OR holds.amount <> withdrawals.amount
                OR holds.state <> CASE withdrawals.state WHEN 'paid' THEN 'posted' WHEN 'rejected' THEN 'voided'
                    ELSE 'pending' END
            UNION ALL SELECT id FROM holds WHERE id = 'withdrawal:' || reference
                AND reference NOT IN (SELECT id FROM withdrawals)
            """
        ),
        (
            "no job costs more than its price",
            """
            SELECT jobs.id FROM jobs LEFT JOIN live_jobs ON live_jobs.id = jobs.id
                LEFT JOIN ended_jobs ON ended_jobs.id = jobs.id
            WHERE COALESCE(live_jobs.paid, ended_jobs.paid) > COALESCE(max_price, 0)
                OR COALESCE(live_jobs.paid, ended_jobs.paid) <> (SELECT COALESCE(SUM(amount), 0) FROM ledger_transfers
                    WHERE reference = jobs.id AND reason = 'job_payment')
            """
        ),
        (
            "the places of an owner's events have no gap",
            """
            SELECT owner_id FROM chain_links GROUP BY owner_id
            HAVING MIN(position - events) <> COALESCE(MIN(CASE WHEN numbers = '' THEN position - events END), 0)
                OR MAX(position) - MIN(position - events) <> SUM(events)
            """
        ),
        (
            "every event has one place in its owner's chain, or waits for it",
            """
            SELECT owner_id FROM (SELECT owner_id, 1 AS events FROM recorded_events
                UNION ALL SELECT owner_id, -events FROM chain_links WHERE numbers <> ''
                UNION ALL SELECT owner_id, -events FROM unsealed_events) AS counted
            GROUP BY owner_id HAVING SUM(events) <> 0
            """
        ),
    ]
}
