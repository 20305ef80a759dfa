extension Migration {
    /// Devices of customers, their commands, and what customers are told of them. A command is a job; its live row
    /// names the device, so that a device's claim finds its commands in their order (CONTRACT 6).
    static let devices = Migration(name: "0016_devices") { _ in fleets + access + commands }

    /// What is counted is kept beside what it counts. Signs of life have rows of their own: they are written all the
    /// time, and lock nothing that commands need.
    private static let fleets: [SQL] = [
        """
        CREATE TABLE customers (
            id \(.text) PRIMARY KEY,
            devices BIGINT NOT NULL CHECK (devices >= 0),
            online BIGINT NOT NULL DEFAULT 0 CHECK (online >= 0))
        """,
        """
        CREATE TABLE devices (
            id \(.text) PRIMARY KEY,
            customer_id \(.text) NOT NULL,
            name \(.text) NOT NULL,
            location \(.text),
            model \(.text),
            config \(.text),
            state \(.text) NOT NULL CHECK (state IN ('provisioned', 'active', 'suspended')),
            activation_hash \(.text) NOT NULL,
            activation_expires BIGINT NOT NULL,
            secret_hash \(.text),
            registered_at BIGINT,
            created_at BIGINT NOT NULL,
            waiting BIGINT NOT NULL DEFAULT 0 CHECK (waiting >= 0),
            open_commands BIGINT NOT NULL DEFAULT 0 CHECK (open_commands >= waiting),
            last_number BIGINT NOT NULL DEFAULT 0,
            last_position BIGINT NOT NULL DEFAULT 0,
            CHECK ((state = 'provisioned') = (secret_hash IS NULL)))
        """,
        "CREATE INDEX devices_by_customer ON devices (customer_id, id)",
        """
        CREATE TABLE device_presence (
            device_id \(.text) PRIMARY KEY,
            customer_id \(.text) NOT NULL,
            is_online BIGINT NOT NULL DEFAULT 0 CHECK (is_online IN (0, 1)),
            health \(.text) CHECK (health IN ('online', 'busy', 'error')),
            last_seen BIGINT,
            metrics \(.text),
            diagnostics \(.text),
            CHECK (is_online = 0 OR last_seen IS NOT NULL))
        """,
        "CREATE INDEX device_presence_by_customer ON device_presence (customer_id, is_online, device_id)",
        "CREATE INDEX device_presence_to_end ON device_presence (last_seen) WHERE is_online = 1",
    ]

    private static let access: [SQL] = [
        """
        CREATE TABLE device_tokens (
            token_hash \(.text) PRIMARY KEY,
            device_id \(.text) NOT NULL,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL)
        """,
        "CREATE INDEX device_tokens_by_device ON device_tokens (device_id, created_at)",
        "CREATE INDEX device_tokens_by_end ON device_tokens (expires_at)",
        """
        CREATE TABLE device_sessions (
            id \(.text) PRIMARY KEY,
            device_id \(.text) NOT NULL,
            customer_id \(.text) NOT NULL,
            type \(.text) NOT NULL CHECK (type IN ('diagnostic', 'remediation')),
            description \(.text),
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            ended_at BIGINT,
            is_closed BIGINT NOT NULL DEFAULT 0 CHECK (is_closed IN (0, 1)))
        """,
        "CREATE INDEX device_sessions_by_device ON device_sessions (device_id, created_at)",
        "CREATE INDEX device_sessions_to_close ON device_sessions (expires_at) WHERE is_closed = 0",
    ]

    private static let commands: [SQL] = [
        """
        CREATE TABLE device_commands (
            job_id \(.text) PRIMARY KEY,
            device_id \(.text) NOT NULL,
            number BIGINT NOT NULL,
            session_id \(.text),
            priority BIGINT NOT NULL)
        """,
        "CREATE UNIQUE INDEX device_commands_by_device ON device_commands (device_id, number)",
        """
        CREATE INDEX device_commands_by_session ON device_commands (session_id, number)
            WHERE session_id IS NOT NULL
        """,
        """
        CREATE TABLE device_updates (
            device_id \(.text) NOT NULL,
            position BIGINT NOT NULL,
            type \(.text) NOT NULL CHECK (type IN ('device_status', 'command_update')),
            job_id \(.text),
            status \(.text) NOT NULL,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (device_id, position),
            CHECK ((type = 'command_update') = (job_id IS NOT NULL)))
        """,
        "CREATE INDEX device_updates_by_age ON device_updates (created_at)",
        "ALTER TABLE live_jobs ADD COLUMN device_id \(.text)",
        """
        CREATE INDEX live_jobs_of_device ON live_jobs (device_id, tag, id)
            WHERE state = 'pending' AND device_id IS NOT NULL
        """,
    ]
}
