extension Migration {
    /// Tasks with a bounty in points, and their audits. `status` and `priority` are the places in the seed's orders, so
    /// that lists read them from an index; what is in escrow stands in the task's row, and is 0 when it has ended.
    static let bounties = Migration(name: "0014_bounties") { _ in tasks + labels + audits }

    private static let tasks: [SQL] = [
        """
        CREATE TABLE bounties (
            id \(.autoKey),
            author_id \(.text) NOT NULL,
            title \(.text) NOT NULL,
            content \(.text),
            url \(.text),
            points BIGINT NOT NULL CHECK (points BETWEEN 1 AND 1000000000000),
            deadline BIGINT,
            acceptance_criteria \(.text),
            tests \(.text),
            assignment_mode \(.text) NOT NULL CHECK (assignment_mode IN ('owner_assigns', 'fcfs')),
            status BIGINT NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 5),
            priority BIGINT NOT NULL DEFAULT 1 CHECK (priority BETWEEN 0 AND 3),
            labels \(.text) NOT NULL DEFAULT '',
            repo_url \(.text),
            branch \(.text),
            pr_url \(.text),
            estimated_effort \(.text),
            claimed_by \(.text),
            claimed_at BIGINT,
            is_assigned BIGINT NOT NULL DEFAULT 0 CHECK (is_assigned IN (0, 1)),
            completed_at BIGINT,
            comment_count BIGINT NOT NULL DEFAULT 0 CHECK (comment_count >= 0),
            escrow_status \(.text) NOT NULL
                CHECK (escrow_status IN ('none', 'poster_held', 'both_held', 'settled', 'refunded')),
            poster_escrow BIGINT NOT NULL DEFAULT 0,
            assignee_escrow BIGINT NOT NULL DEFAULT 0 CHECK (assignee_escrow >= 0),
            audit_job \(.text),
            review_since BIGINT,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL,
            CHECK (content IS NOT NULL OR url IS NOT NULL),
            CHECK (status NOT IN (1, 2, 3) OR claimed_by IS NOT NULL),
            CHECK (claimed_by IS NULL OR claimed_by <> author_id),
            CHECK (poster_escrow = CASE WHEN escrow_status IN ('poster_held', 'both_held') THEN points ELSE 0 END),
            CHECK (assignee_escrow = 0 OR escrow_status = 'both_held'),
            CHECK (escrow_status NOT IN ('poster_held', 'both_held') OR status < 4),
            CHECK (escrow_status <> 'poster_held' OR status = 0))
        """,
        "CREATE INDEX bounties_by_state ON bounties (status, priority, (id + 0))",
        "CREATE INDEX bounties_by_points_in_state ON bounties (status, priority, points, id)",
        "CREATE INDEX bounties_by_points ON bounties (points, id)",
        "CREATE INDEX bounties_by_author ON bounties (author_id, id)",
        "CREATE INDEX bounties_by_author_hot ON bounties (author_id, (0 - status), points, id)",
        "CREATE INDEX bounties_by_assignee ON bounties (claimed_by, id) WHERE claimed_by IS NOT NULL",
        """
        CREATE INDEX bounties_by_deadline ON bounties (deadline)
            WHERE deadline IS NOT NULL AND poster_escrow > 0 AND status < 3
        """,
        "CREATE INDEX bounties_in_review ON bounties (review_since) WHERE poster_escrow > 0 AND status = 3",
        "CREATE INDEX bounties_in_escrow ON bounties (id) WHERE poster_escrow > 0",
        "CREATE TABLE deleted_bounties (id BIGINT PRIMARY KEY)",
    ]

    /// What a task is labelled with, in lower case, beside what lists of a label are ordered and filtered by.
    private static let labels: [SQL] = [
        """
        CREATE TABLE bounty_labels (
            label \(.text) NOT NULL,
            id BIGINT NOT NULL,
            status BIGINT NOT NULL,
            priority BIGINT NOT NULL,
            points BIGINT NOT NULL,
            PRIMARY KEY (label, id))
        """,
        "CREATE INDEX bounty_labels_by_task ON bounty_labels (id)",
        "CREATE INDEX bounty_labels_by_state ON bounty_labels (label, status, priority, (id + 0))",
        "CREATE INDEX bounty_labels_by_points_in_state ON bounty_labels (label, status, priority, points, id)",
        "CREATE INDEX bounty_labels_by_points ON bounty_labels (label, points, id)",
    ]

    /// The runs of a task's tests by a leased worker: one that settles, and dry runs on the untouched branch. The job's
    /// live row names the task, so that results of other kinds look nothing up.
    private static let audits: [SQL] = [
        """
        CREATE TABLE audits (
            job_id \(.text) PRIMARY KEY,
            bounty_id BIGINT NOT NULL,
            is_dry_run BIGINT NOT NULL CHECK (is_dry_run IN (0, 1)),
            state \(.text) NOT NULL
                CHECK (state IN ('waiting', 'reported', 'disputed', 'settled', 'failed', 'superseded')),
            passed BIGINT,
            failed BIGINT,
            log \(.text),
            reason \(.text),
            created_at BIGINT NOT NULL,
            reported_at BIGINT,
            settles_at BIGINT,
            CHECK ((passed IS NULL) = (failed IS NULL)),
            CHECK (state <> 'reported' OR passed IS NOT NULL))
        """,
        "CREATE INDEX audits_by_bounty ON audits (bounty_id, created_at)",
        "CREATE INDEX audits_to_settle ON audits (settles_at) WHERE state = 'reported' AND settles_at IS NOT NULL",
        "ALTER TABLE live_jobs ADD COLUMN bounty_id BIGINT",
    ]
}
