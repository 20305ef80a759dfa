extension Migration {
    /// The request ids of claims that were granted something. What a lease held was known by its live row alone: once
    /// that was gone, a late duplicate of its claim was taken for a new one, and leased a job that nobody heard of.
    static let claimRequests = Migration(name: "0024_claim_requests") { _ in
        [
            """
            CREATE TABLE claim_requests (
                worker_id \(.text) NOT NULL,
                request \(.text) NOT NULL,
                granted_at BIGINT NOT NULL,
                PRIMARY KEY (worker_id, request))
            """,
            "CREATE INDEX claim_requests_by_age ON claim_requests (granted_at)",
            """
            INSERT INTO claim_requests (worker_id, request, granted_at)
            SELECT worker_id, claim_request, MIN(claimed_at) FROM live_jobs
            WHERE state = 'running' AND worker_id IS NOT NULL AND claim_request IS NOT NULL
            GROUP BY worker_id, claim_request
            """,
        ]
    }
}
