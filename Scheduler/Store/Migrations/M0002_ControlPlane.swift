extension Migration {
    /// Members and their keys, machines, policies, consents; nonces, idempotency keys and the audit log.
    static let controlPlane = Migration(name: "0002_control_plane") { _ in
        identity + machines + replay + audit
    }

    private static let identity: [SQL] = [
        """
        CREATE TABLE members (
            id \(.text) PRIMARY KEY,
            handle \(.text) UNIQUE,
            name \(.text) NOT NULL,
            description \(.text),
            role \(.text) NOT NULL CHECK (role IN ('member', 'queenbee', 'admin')),
            moltbook_id \(.text),
            wallet_address \(.text),
            created_at BIGINT NOT NULL)
        """,
        """
        CREATE TABLE api_keys (
            hash \(.text) PRIMARY KEY,
            member_id \(.text) NOT NULL,
            prefix \(.text) NOT NULL,
            created_at BIGINT NOT NULL,
            last_used_at BIGINT,
            revoked_at BIGINT)
        """,
        "CREATE INDEX api_keys_by_member ON api_keys (member_id)",
        """
        INSERT INTO members (id, handle, name, role, created_at)
        VALUES ('00000000-0000-7000-8000-000000000001', 'queenbee', 'Queen Bee', 'queenbee', 0)
        """,
    ]

    private static let machines: [SQL] = [
        """
        CREATE TABLE machines (
            id \(.text) PRIMARY KEY,
            owner_id \(.text) NOT NULL,
            name \(.text) NOT NULL,
            token_hash \(.text) NOT NULL,
            milli_cores BIGINT,
            memory_mib BIGINT,
            gpus BIGINT NOT NULL DEFAULT 0,
            labels \(.text) NOT NULL DEFAULT '',
            isolation BIGINT,
            has_capacity BIGINT NOT NULL DEFAULT 0,
            hourly_price BIGINT NOT NULL DEFAULT 0 CHECK (hourly_price >= 0),
            draining BIGINT NOT NULL DEFAULT 0,
            last_heartbeat_at BIGINT,
            metrics \(.text),
            created_at BIGINT NOT NULL)
        """,
        "CREATE INDEX machines_by_owner ON machines (owner_id, id)",
        """
        CREATE TABLE policies (
            id \(.text) PRIMARY KEY,
            owner_id \(.text) NOT NULL,
            version BIGINT NOT NULL,
            state \(.text) NOT NULL CHECK (state IN ('draft', 'active')),
            rules \(.text) NOT NULL,
            max_job_minutes BIGINT,
            network BIGINT NOT NULL DEFAULT 0,
            isolation BIGINT,
            created_at BIGINT NOT NULL,
            activated_at BIGINT,
            UNIQUE (owner_id, version))
        """,
        """
        CREATE TABLE consents (
            id \(.text) PRIMARY KEY,
            owner_id \(.text) NOT NULL,
            worker_id \(.text) NOT NULL,
            policy_id \(.text) NOT NULL,
            created_at BIGINT NOT NULL,
            revoked_at BIGINT)
        """,
        "CREATE INDEX consents_by_worker ON consents (worker_id, created_at)",
    ]

    private static let replay: [SQL] = [
        """
        CREATE TABLE nonces (
            scope \(.text) NOT NULL,
            nonce \(.text) NOT NULL,
            expires_at BIGINT NOT NULL,
            PRIMARY KEY (scope, nonce))
        """,
        "CREATE INDEX nonces_by_expiry ON nonces (expires_at)",
        """
        CREATE TABLE idempotency_keys (
            owner_id \(.text) NOT NULL,
            endpoint \(.text) NOT NULL,
            key \(.text) NOT NULL,
            body_hash \(.text) NOT NULL,
            status BIGINT NOT NULL,
            location \(.text),
            answer \(.text) NOT NULL,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (owner_id, endpoint, key))
        """,
        "CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at)",
    ]

    /// An event gets its place in its owner's chain after the commit that recorded it, from one hand
    /// (`SealEvents`): a chain written inside every commit would make all commits of an owner wait for each other.
    private static let audit: [SQL] = [
        """
        CREATE TABLE events (
            seq \(.autoKey),
            id \(.text) NOT NULL,
            owner_id \(.text) NOT NULL,
            type \(.text) NOT NULL,
            actor \(.text) NOT NULL,
            object_id \(.text) NOT NULL,
            metadata \(.text) NOT NULL,
            created_at BIGINT NOT NULL,
            position BIGINT,
            prev_hash \(.text),
            hash \(.text),
            CHECK ((position IS NULL) = (hash IS NULL)))
        """,
        "CREATE INDEX events_to_seal ON events (seq) WHERE position IS NULL",
        "CREATE UNIQUE INDEX events_by_position ON events (owner_id, position) WHERE position IS NOT NULL",
    ]
}
