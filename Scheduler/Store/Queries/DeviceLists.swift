package import Domain

/// What happened, as it is read again.
package struct DeviceUpdate: Sendable {
    package let position: Int64
    /// nil when the update is about the device itself.
    package let job: JobID?
    package let status: String
    package let at: Int64

    /// The status of a device that is no more.
    package static let deleted = "deleted"

    package init(position: Int64, job: JobID?, status: String, at: Int64) {
        self.position = position
        self.job = job
        self.status = status
        self.at = at
    }
}

extension Transaction {
    package func device(_ id: DeviceID) throws -> Device? {
        // `COALESCE` keeps a planner without statistics from the index of a customer's devices.
        try first(
            """
            SELECT \(raw: Device.columns) FROM devices JOIN device_presence ON device_id = devices.id
            WHERE devices.id = \(id.text) AND COALESCE(devices.customer_id, '') <> \(CustomerID.nobody.text)
            """
        ) { try Device(&$0) }
    }

    /// A customer's device. Throws `Refusal.notFound`, `.notYours`.
    package func device(_ id: DeviceID, of customer: CustomerID) throws -> Device {
        guard let device = try device(id) else { throw Refusal.notFound("device") }
        guard device.customer == customer else { throw Refusal.notYours("device") }
        return device
    }

    /// A customer's devices by id, without what is large of them, and how many there are.
    /// - Parameter isOnline: nil for all.
    package func devices(
        of customer: CustomerID, isOnline: Bool?, offset: Int, limit: Int
    ) throws -> (devices: [Device], total: Int64) {
        let counts = try first("SELECT devices, online FROM customers WHERE id = \(customer.text)") { row in
            try (all: row.integer(), online: row.integer())
        }
        guard let (all, online) = counts else { return ([], 0) }
        // The ids alone first: of what is passed over nothing else is read. `+ 0` lets SQLite keep its plan: a bare
        // value might be that of the index of those that are online, and it would plan anew for each.
        let list: SQL =
            if let isOnline {
                """
                SELECT device_id FROM device_presence
                WHERE customer_id = \(customer.text) AND is_online = \(isOnline) + 0
                ORDER BY device_id LIMIT \(limit) OFFSET \(offset)
                """
            } else {
                """
                SELECT id FROM devices WHERE customer_id = \(customer.text) ORDER BY id LIMIT \(limit) OFFSET \(offset)
                """
            }
        let ids = try rows(list) { try $0.text() }
        let total = isOnline.map { $0 ? online : all - online } ?? all
        guard !ids.isEmpty else { return ([], total) }
        let found = try rows(
            """
            SELECT \(raw: Device.listColumns) FROM devices JOIN device_presence ON device_id = devices.id
            WHERE devices.id \(in: ids)
            """
        ) { try Device(&$0) }
        return (found.sorted { $0.id < $1.id }, total)
    }

    /// What an active device's sockets need to know: how it is configured, how many commands wait, and how often it was
    /// suspended. nil when it isn't active.
    package func deviceQueue(_ id: DeviceID) throws -> (config: String?, waiting: Int64, suspensions: Int64)? {
        try first(
            "SELECT config, waiting, suspensions FROM devices WHERE id = \(id.text) AND state = 'active'"
        ) { row in try (row.optionalText(), row.integer(), row.integer()) }
    }

    /// Where the updates of a customer's devices end.
    package func lastPositions(of ids: [DeviceID], customer: CustomerID) throws -> [DeviceID: Int64] {
        var found: [DeviceID: Int64] = [:]
        try SQL.chunked(ids) { chunk in
            let some = try rows(
                """
                SELECT id, last_position FROM devices
                WHERE id \(in: chunk.map(\.text)) AND customer_id = \(customer.text)
                """
            ) { row in try (DeviceID(row.text()), row.integer()) }
            for (id, position) in some { found[id] = position }
        }
        return found
    }

    // MARK: Commands

    package func deviceCommand(_ id: JobID) throws -> DeviceCommand? { try deviceCommands([id]).first }

    /// These commands, in the order of their numbers.
    package func deviceCommands(_ ids: [JobID]) throws -> [DeviceCommand] {
        try commands("device_commands.job_id \(in: ids.map(\.text)) ORDER BY device_commands.number")
    }

    /// A device's commands, newest first, those before a number.
    package func deviceCommands(of device: DeviceID, before number: Int64?, limit: Int) throws -> [DeviceCommand] {
        try commands(
            """
            device_commands.device_id = \(device.text) AND device_commands.number < \(number ?? .max)
            ORDER BY device_commands.number DESC LIMIT \(limit)
            """)
    }

    /// The first commands of a session.
    package func deviceCommands(in session: SessionID, limit: Int) throws -> [DeviceCommand] {
        try commands(
            """
            device_commands.session_id = \(session.text) ORDER BY device_commands.number LIMIT \(limit)
            """)
    }

    private func commands(_ condition: SQL) throws -> [DeviceCommand] {
        try rows(
            """
            SELECT device_commands.job_id, device_commands.device_id, number, session_id, title, spec, priority,
                jobs.created_at, live_jobs.state, ended_jobs.state, reason, exit_code, output, error, duration_ms,
                ended_at, status
            FROM device_commands JOIN jobs ON jobs.id = device_commands.job_id
                LEFT JOIN live_jobs ON live_jobs.id = device_commands.job_id
                LEFT JOIN ended_jobs ON ended_jobs.id = device_commands.job_id
            WHERE \(sql: condition)
            """
        ) { try DeviceCommand(&$0) }
    }

    /// Whether a job is a command of this device.
    package func isCommand(_ id: JobID, of device: DeviceID) throws -> Bool {
        try first(
            "SELECT job_id FROM device_commands WHERE job_id = \(id.text) AND device_id = \(device.text)"
        ) { try $0.text() } != nil
    }

    /// The command that a device would be given next; nil when none waits.
    package func nextCommand(of device: DeviceID) throws -> JobID? {
        try first(
            """
            SELECT id FROM live_jobs WHERE device_id = \(device.text) AND state = 'pending'
            ORDER BY device_id, tag, id LIMIT 1
            """
        ) { try JobID($0.text()) }
    }

    /// How many commands a device holds, counted up to `limit`.
    func heldCommands(of device: DeviceID, limit: Int) throws -> Int {
        try rows(
            """
            SELECT id FROM live_jobs WHERE worker_id = \(device.machine.text) AND state = 'running' LIMIT \(limit)
            """
        ) { try $0.text() }.count
    }

    // MARK: Sessions

    package func deviceSession(_ id: SessionID) throws -> DeviceSession? { try session(id, lock: "") }

    /// The newest session of a device, if it is active.
    package func activeSession(of id: DeviceID) throws -> DeviceSession? {
        let newest = try first(
            """
            SELECT \(raw: DeviceSession.columns) FROM device_sessions WHERE device_id = \(id.text)
            ORDER BY created_at DESC, id DESC LIMIT 1
            """
        ) { try DeviceSession(&$0) }
        return newest.flatMap { $0.isActive(at: now) ? $0 : nil }
    }

    // MARK: Updates

    /// What happened to a device after a position, and where its updates begin and end. Nothing for nil, but where they
    /// end.
    package func deviceUpdates(
        of device: DeviceID, after position: Int64?, limit: Int
    ) throws -> (updates: [DeviceUpdate], oldest: Int64, last: Int64) {
        let last = try first("SELECT last_position FROM devices WHERE id = \(device.text)") { try $0.integer() } ?? 0
        let oldest = try first(
            "SELECT position FROM device_updates WHERE device_id = \(device.text) ORDER BY position LIMIT 1"
        ) { try $0.integer() }
        guard let position, position < last else { return ([], oldest ?? last + 1, last) }
        let updates = try rows(
            """
            SELECT position, job_id, status, created_at FROM device_updates
            WHERE device_id = \(device.text) AND position > \(position) ORDER BY position LIMIT \(limit)
            """
        ) { row in
            try DeviceUpdate(
                position: row.integer(), job: row.optionalText().map { JobID($0) }, status: row.text(),
                at: row.integer())
        }
        return (updates, oldest ?? last + 1, last)
    }
}

extension Device {
    static let columns: StaticString = """
        devices.id, devices.customer_id, name, location, model, config, state, registered_at, created_at, health,
        last_seen, is_online, metrics, diagnostics
        """

    /// As `columns`, but nothing of what a list doesn't show and may be large.
    static let listColumns: StaticString = """
        devices.id, devices.customer_id, name, location, model, NULL, state, registered_at, created_at, health,
        last_seen, is_online, NULL, NULL
        """

    init(_ row: inout Row) throws {
        try self.init(
            id: DeviceID(row.text()), customer: CustomerID(row.text()), name: row.text(),
            location: row.optionalText(), model: row.optionalText(), config: row.optionalText(), state: row.word(),
            registeredAt: row.optionalInteger(), createdAt: row.integer(),
            presence: Presence(
                health: row.optionalText().flatMap(Presence.Health.init(rawValue:)), lastSeen: row.optionalInteger(),
                isOnline: row.bool(), metrics: row.optionalText(), diagnostics: row.optionalText()))
    }
}

extension DeviceCommand {
    init(_ row: inout Row) throws {
        let (id, device) = try (JobID(row.text()), DeviceID(row.text()))
        let number = try row.integer()
        let session = try row.optionalText().map { SessionID($0) }
        let (type, parameters, priority) = try (row.text(), row.text(), row.integer())
        let createdAt = try row.integer()
        let (live, ended, reason) = try (row.optionalText(), row.optionalText(), row.optionalText())
        guard let state = (live ?? ended).flatMap(JobState.init(rawValue:)) else {
            throw InternalError.unreadable("the state of command \(id.text)")
        }
        self.init(
            id: id, device: device, number: number, session: session, type: type, parameters: parameters,
            priority: priority, status: Status(state, reason: reason), createdAt: createdAt)
        let (exitCode, output, error) = try (row.optionalInteger(), row.optionalText(), row.optionalText())
        let (duration, endedAt) = try (row.optionalInteger(), row.optionalInteger())
        ending = endedAt.map {
            Job.Ending(
                reason: reason, exitCode: exitCode, output: output, error: error, durationMilliseconds: duration,
                endedAt: $0)
        }
        outcome = try row.optionalText()
    }
}
