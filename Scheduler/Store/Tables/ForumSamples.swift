internal import Domain

/// Rows that a measurement fills a new database with, which the database makes itself: a row's number decides what it
/// says.
extension Transaction {
    private static func numbers(_ range: ClosedRange<Int64>) -> SQL {
        """
        WITH RECURSIVE numbers (n) AS
            (SELECT \(range.lowerBound) UNION ALL SELECT n + 1 FROM numbers WHERE n < \(range.upperBound))
        """
    }

    /// A member's id, by an expression for its number.
    private static func member(_ number: SQL) -> SQL {
        """
        \(ForumSize.memberPrefix) || substr('000000000000' || (\(sql: number)), length('' || (\(sql: number))) + 1)
        """
    }

    /// A number from 0 to `count - 1`, drawn by the row's number.
    private static func draw(_ count: Int64, _ salt: Int64) -> SQL {
        "((n + \(salt)) * 2654435761 % 4294967291 / 7 % \(count))"
    }

    func insertSampleMembers(_ range: ClosedRange<Int64>) throws {
        try execute(
            """
            INSERT INTO members (id, handle, name, role, created_at)
            \(sql: Self.numbers(range))
            SELECT \(sql: Self.member("n")), 'bench' || n, 'Bench ' || n, 'member', \(now) FROM numbers
            """)
    }

    /// The bonus of every member is a transfer; as many came before as the system's account has lines.
    func insertSampleBonuses(_ range: ClosedRange<Int64>) throws {
        let (system, bonus) = (Account.external(.points).id, Money.registrationBonus)
        try execute(
            """
            INSERT INTO ledger_accounts (id, owner_id, asset, kind) VALUES (\(system), 'system', 'POINTS', 'external')
            ON CONFLICT (id) DO NOTHING
            """)
        try execute(
            """
            INSERT INTO ledger_accounts (id, owner_id, asset, kind, balance, lines)
            \(sql: Self.numbers(range))
            SELECT \(sql: Self.member("n")) || '/POINTS/available', \(sql: Self.member("n")), 'POINTS', 'available',
                \(bonus), 1
            FROM numbers
            """)
        try execute(
            """
            INSERT INTO ledger_transfers (id, asset, debit, credit, amount, debit_after, credit_after, debit_line,
                credit_line, reason, reference, created_at)
            \(sql: Self.numbers(range))
            SELECT 'bonus:' || \(sql: Self.member("n")), 'POINTS', ledger_accounts.id,
                \(sql: Self.member("n")) || '/POINTS/available', \(bonus),
                balance - \(bonus) * (n - \(range.lowerBound) + 1), \(bonus), lines + n - \(range.lowerBound) + 1, 1,
                'registration_bonus', NULL, \(now)
            FROM numbers JOIN ledger_accounts ON ledger_accounts.id = \(system)
            """)
        let count = range.upperBound - range.lowerBound + 1
        try execute(
            """
            UPDATE ledger_accounts SET balance = balance - \(bonus * count), lines = lines + \(count)
            WHERE id = \(system)
            """)
    }

    func insertSamplePosts(_ range: ClosedRange<Int64>, _ forum: ForumSize) throws {
        let others = max(1, forum.members - 1)
        try execute(
            """
            INSERT INTO bounties (author_id, title, content, points, assignment_mode, status, priority, labels,
                claimed_by, claimed_at, completed_at, escrow_status, created_at, updated_at)
            \(sql: Self.numbers(range)),
            drawn (n, author, status_die, priority_die, points, topic) AS (
                SELECT n, CASE WHEN \(sql: Self.draw(2, 11)) = 0 THEN \(forum.mainAuthor)
                        ELSE 1 + \(sql: Self.draw(forum.members, 23)) END,
                    \(sql: Self.draw(1_000, 37)), \(sql: Self.draw(10, 41)), 1 + \(sql: Self.draw(500, 53)),
                    \(sql: Self.draw(100, 67))
                FROM numbers),
            posts (n, author, status, priority_die, points, topic) AS (
                SELECT n, author, CASE WHEN status_die < 900 THEN 4 WHEN status_die < 930 THEN 5
                    WHEN status_die < 970 THEN 0 WHEN status_die < 980 THEN 1 WHEN status_die < 990 THEN 2 ELSE 3 END,
                    priority_die, points, topic
                FROM drawn)
            SELECT \(sql: Self.member("author")), 'Task ' || n, 'What is to be done in task ' || n, points, 'fcfs',
                status, CASE WHEN priority_die < 7 THEN 1 ELSE priority_die - 7 + CASE WHEN priority_die = 7 THEN 0
                    ELSE 1 END END,
                CASE WHEN topic < 90 THEN \("swift\n") ELSE '' END || 'topic' || topic,
                CASE WHEN status IN (1, 2, 3, 4)
                    THEN \(sql: Self.member("1 + (author + n % \(others)) % \(forum.members)")) END,
                CASE WHEN status IN (1, 2, 3, 4) THEN \(now) END, CASE WHEN status = 4 THEN \(now) END,
                CASE WHEN status = 4 THEN 'settled' ELSE 'none' END, \(now), \(now)
            FROM posts ORDER BY n
            """)
    }

    func insertSampleLabels(_ range: ClosedRange<Int64>) throws {
        try execute(
            """
            INSERT INTO bounty_labels (label, id, status, priority, points)
            SELECT 'swift', id, status, priority, points FROM bounties
                WHERE id BETWEEN \(range.lowerBound) AND \(range.upperBound) AND labels LIKE 'swift%'
            UNION ALL
            SELECT replace(labels, \("swift\n"), ''), id, status, priority, points FROM bounties
                WHERE id BETWEEN \(range.lowerBound) AND \(range.upperBound)
            """)
    }

    func insertSampleComments(_ range: ClosedRange<Int64>, _ forum: ForumSize) throws {
        try execute(
            """
            INSERT INTO bounty_comments (post_id, author_id, content, score, created_at)
            \(sql: Self.numbers(range)),
            drawn (n, author, post, score) AS (
                SELECT n, CASE WHEN n % 3 = 0 THEN \(forum.mainAuthor) ELSE 1 + \(sql: Self.draw(forum.members, 5)) END,
                    CASE WHEN n % 20 = 0 THEN \(ForumSize.mainPost) ELSE 1 + \(sql: Self.draw(forum.posts, 7)) END,
                    \(sql: Self.draw(41, 13)) - 20
                FROM numbers)
            SELECT post, \(sql: Self.member("author")), 'What is said in comment ' || n, score,
                \(now) - \(forum.comments) + n
            FROM drawn
            """)
    }

    /// Half of them are for the readers; a tenth is unread.
    func insertSampleNotifications(_ range: ClosedRange<Int64>, _ forum: ForumSize) throws {
        try execute(
            """
            INSERT INTO notifications (member_id, type, bounty_id, actor_id, is_read, created_at)
            \(sql: Self.numbers(range)),
            drawn (n, member, post) AS (
                SELECT n, CASE WHEN n % 2 = 0 THEN 1 + \(sql: Self.draw(forum.readers, 3))
                    ELSE 1 + \(sql: Self.draw(forum.members, 5)) END, 1 + \(sql: Self.draw(forum.posts, 7))
                FROM numbers)
            SELECT \(sql: Self.member("member")), 'task_claimed', post,
                \(sql: Self.member("1 + member % \(forum.members)")), CASE WHEN n % 10 < 2 THEN 0 ELSE 1 END, \(now)
            FROM drawn
            """)
    }

    func insertSampleMessages(_ range: ClosedRange<Int64>, _ forum: ForumSize) throws {
        try execute(
            """
            INSERT INTO messages (sender_id, recipient_id, content, created_at)
            \(sql: Self.numbers(range)),
            drawn (n, sender) AS (
                SELECT n, CASE WHEN n % 2 = 0 THEN 1 + \(sql: Self.draw(forum.readers, 3))
                    ELSE 1 + \(sql: Self.draw(forum.members, 5)) END
                FROM numbers)
            SELECT \(sql: Self.member("sender")), \(sql: Self.member("1 + sender % \(forum.members)")),
                'What is said in message ' || n, \(now)
            FROM drawn
            """)
    }

    func insertSampleFollows(_ forum: ForumSize) throws {
        try execute(
            """
            INSERT INTO follows (follower_id, followee_id, created_at)
            \(sql: Self.numbers(0...max(0, forum.readers * forum.followed - 1)))
            SELECT \(sql: Self.member("1 + n / \(forum.followed)")),
                \(sql: Self.member("\(forum.mainAuthor) + n % \(forum.followed)")), \(now)
            FROM numbers
            """)
        try execute(
            """
            UPDATE members SET following = \(forum.followed)
            WHERE id BETWEEN \(ForumSize.memberID(1).text) AND \(ForumSize.memberID(forum.readers).text)
            """)
        try execute(
            """
            UPDATE members SET followers = \(forum.readers)
            WHERE id BETWEEN \(ForumSize.memberID(forum.mainAuthor).text)
                AND \(ForumSize.memberID(forum.readers + forum.followed).text)
            """)
    }

    /// Holds of 10 points and their refunds by turns; `moves` of each, of every reader.
    func insertSampleMoves(_ forum: ForumSize, _ moves: Int64) throws {
        let lines = 2 * moves
        let members = Self.numbers(1...max(1, forum.readers))
        try execute(
            """
            INSERT INTO ledger_accounts (id, owner_id, asset, kind, balance, lines)
            \(sql: members)
            SELECT \(sql: Self.member("n")) || '/POINTS/held', \(sql: Self.member("n")), 'POINTS', 'held', 0, \(lines)
            FROM numbers
            """)
        for number in 1...max(1, forum.readers) {
            let owner = OwnerID(ForumSize.memberID(number).text)
            let (available, held) = (Account(owner, .points, .available).id, Account(owner, .points, .held).id)
            try execute(
                """
                INSERT INTO ledger_transfers (id, asset, debit, credit, amount, debit_after, credit_after, debit_line,
                    credit_line, reason, reference, created_at)
                \(sql: Self.numbers(1...max(1, lines)))
                SELECT 'bench:' || \(owner.text) || '/' || n, 'POINTS',
                    CASE WHEN n % 2 = 1 THEN \(available) ELSE \(held) END,
                    CASE WHEN n % 2 = 1 THEN \(held) ELSE \(available) END, 10,
                    CASE WHEN n % 2 = 1 THEN 90 ELSE 0 END, CASE WHEN n % 2 = 1 THEN 10 ELSE 100 END,
                    CASE WHEN n % 2 = 1 THEN n + 1 ELSE n END, CASE WHEN n % 2 = 1 THEN n ELSE n + 1 END,
                    CASE WHEN n % 2 = 1 THEN 'escrow_hold' ELSE 'refund' END, 'post:' || n, \(now)
                FROM numbers
                """)
            try execute("UPDATE ledger_accounts SET lines = \(lines + 1) WHERE id = \(available)")
        }
    }

    /// PostgreSQL does so by itself after a while; SQLite plans without.
    func analyzeTables() throws {
        if sqlEngine == .postgres { try execute("ANALYZE") }
    }
}
