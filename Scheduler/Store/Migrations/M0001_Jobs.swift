extension Migration {
    /// Jobs and their leases. What was asked is written once (`jobs`); where it stands is a narrow row that dies
    /// with the job (`live_jobs`); how it ended is history (`ended_jobs`). So the hot rows are few whatever
    /// has been done before (decision 0003).
    static let jobs = Migration(name: "0001_jobs") { _ in
        classes + records + live + history + details
    }

    private static let classes: [SQL] = [
        """
        CREATE TABLE job_classes (
            id BIGINT PRIMARY KEY,
            kind \(.text) NOT NULL,
            queue \(.text) NOT NULL,
            priority BIGINT NOT NULL CHECK (priority BETWEEN 0 AND 9),
            milli_cores BIGINT NOT NULL CHECK (milli_cores >= 0),
            memory_mib BIGINT NOT NULL CHECK (memory_mib >= 0),
            gpus BIGINT NOT NULL CHECK (gpus >= 0),
            labels \(.text) NOT NULL,
            isolation BIGINT NOT NULL,
            minutes BIGINT NOT NULL CHECK (minutes > 0),
            max_hourly_price BIGINT,
            target \(.text),
            excluded_owners \(.text) NOT NULL,
            created_by \(.text) NOT NULL,
            created_at BIGINT NOT NULL)
        """,
        "CREATE INDEX job_classes_by_owner ON job_classes (created_by)",
        "CREATE INDEX job_classes_by_age ON job_classes (created_at)",
    ]

    private static let records: [SQL] = [
        """
        CREATE TABLE jobs (
            id \(.text) PRIMARY KEY,
            owner_id \(.text) NOT NULL,
            title \(.text) NOT NULL,
            class_id BIGINT NOT NULL,
            spec \(.text) NOT NULL,
            max_attempts BIGINT NOT NULL CHECK (max_attempts BETWEEN 1 AND 100),
            backoff_initial BIGINT NOT NULL,
            backoff_factor BIGINT NOT NULL,
            backoff_most BIGINT NOT NULL,
            max_price BIGINT CHECK (max_price >= 0),
            created_at BIGINT NOT NULL)
        """,
        "CREATE INDEX jobs_by_owner ON jobs (owner_id, id)",
        """
        CREATE TABLE job_dependencies (
            job_id \(.text) NOT NULL,
            depends_on \(.text) NOT NULL,
            PRIMARY KEY (depends_on, job_id))
        """,
    ]

    private static let live: [SQL] = [
        """
        CREATE TABLE live_jobs (
            id \(.text) PRIMARY KEY,
            owner_id \(.text) NOT NULL,
            class_id BIGINT NOT NULL,
            state \(.text) NOT NULL CHECK (state IN ('blocked', 'scheduled', 'pending', 'running')),
            tag BIGINT NOT NULL,
            since BIGINT NOT NULL,
            run_at BIGINT NOT NULL,
            max_attempts BIGINT NOT NULL,
            attempt BIGINT NOT NULL DEFAULT 0 CHECK (attempt >= 0),
            failures BIGINT NOT NULL DEFAULT 0,
            losses BIGINT NOT NULL DEFAULT 0,
            losses_in_row BIGINT NOT NULL DEFAULT 0,
            fence BIGINT NOT NULL DEFAULT 0,
            waits_for BIGINT NOT NULL DEFAULT 0 CHECK (waits_for >= 0),
            dependents BIGINT NOT NULL DEFAULT 0,
            claim_token \(.text),
            claim_request \(.text),
            worker_id \(.text),
            claimed_at BIGINT,
            visible_until BIGINT,
            visibility_timeout BIGINT,
            lease_ends BIGINT,
            hourly_price BIGINT,
            paid BIGINT NOT NULL DEFAULT 0 CHECK (paid >= 0),
            percent BIGINT CHECK (percent BETWEEN 0 AND 100),
            message \(.text),
            CHECK ((state = 'running') = (claim_token IS NOT NULL)),
            CHECK ((state = 'running') = (worker_id IS NOT NULL)),
            CHECK ((state = 'running') = (visible_until IS NOT NULL)),
            CHECK ((state = 'blocked') = (waits_for > 0)))
        """,
        "CREATE INDEX live_jobs_to_claim ON live_jobs (class_id, tag, id) WHERE state = 'pending'",
        "CREATE INDEX live_jobs_by_owner ON live_jobs (owner_id, id)",
        "CREATE INDEX live_jobs_by_lease ON live_jobs (visible_until) WHERE state = 'running'",
        "CREATE INDEX live_jobs_by_worker ON live_jobs (worker_id) WHERE state = 'running'",
        "CREATE INDEX live_jobs_due ON live_jobs (run_at) WHERE state = 'scheduled'",
        """
        CREATE TABLE cancel_notices (
            worker_id \(.text) NOT NULL,
            job_id \(.text) NOT NULL,
            expires_at BIGINT NOT NULL,
            PRIMARY KEY (worker_id, job_id))
        """,
        "CREATE TABLE scheduler_clock (id BIGINT PRIMARY KEY CHECK (id = 1), last_round BIGINT NOT NULL)",
    ]

    private static let history: [SQL] = [
        """
        CREATE TABLE ended_jobs (
            id \(.text) PRIMARY KEY,
            owner_id \(.text) NOT NULL,
            state \(.text) NOT NULL CHECK (state IN ('completed', 'failed', 'cancelled')),
            reason \(.text),
            attempt BIGINT NOT NULL,
            failures BIGINT NOT NULL,
            losses BIGINT NOT NULL,
            fence BIGINT NOT NULL,
            claim_token \(.text),
            worker_id \(.text),
            claimed_at BIGINT,
            ended_at BIGINT NOT NULL,
            status \(.text),
            exit_code BIGINT,
            output \(.text),
            error \(.text),
            duration_ms BIGINT,
            paid BIGINT NOT NULL DEFAULT 0)
        """,
        "CREATE INDEX ended_jobs_by_owner ON ended_jobs (owner_id, state, id)",
        """
        CREATE TABLE attempts (
            job_id \(.text) NOT NULL,
            fence BIGINT NOT NULL,
            attempt BIGINT NOT NULL,
            worker_id \(.text),
            claim_token \(.text),
            outcome \(.text) NOT NULL,
            started_at BIGINT,
            ended_at BIGINT NOT NULL,
            exit_code BIGINT,
            error \(.text),
            PRIMARY KEY (job_id, fence))
        """,
    ]

    private static let details: [SQL] = [
        """
        CREATE TABLE job_logs (
            seq \(.autoKey),
            job_id \(.text) NOT NULL,
            fence BIGINT NOT NULL,
            text \(.text) NOT NULL,
            bytes BIGINT NOT NULL,
            at BIGINT NOT NULL)
        """,
        "CREATE INDEX job_logs_by_job ON job_logs (job_id, seq)",
        """
        CREATE TABLE blobs (
            hash \(.text) PRIMARY KEY,
            size BIGINT NOT NULL,
            stored_size BIGINT NOT NULL,
            created_at BIGINT NOT NULL)
        """,
        """
        CREATE TABLE blob_chunks (
            hash \(.text) NOT NULL,
            number BIGINT NOT NULL,
            bytes \(.bytesType) NOT NULL,
            PRIMARY KEY (hash, number))
        """,
        """
        CREATE TABLE uploads (
            owner_id \(.text) NOT NULL,
            hash \(.text) NOT NULL,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (owner_id, hash))
        """,
        """
        CREATE TABLE artifacts (
            job_id \(.text) NOT NULL,
            path \(.text) NOT NULL,
            hash \(.text) NOT NULL,
            size BIGINT NOT NULL,
            fence BIGINT NOT NULL,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (job_id, path))
        """,
    ]
}
