internal import Domain

extension Transaction {
    func insertCommand(_ job: JobID, _ place: DevicePlace, number: Int64, session: SessionID?, priority: Int64) throws {
        try executeLater(
            """
            INSERT INTO device_commands (job_id, device_id, number, session_id, priority)
            VALUES (\(job.text), \(place.device.text), \(number), \(session?.text), \(priority))
            """)
    }

    /// Lets a command that waits for approval be claimed: the guard of every approval. nil when it doesn't wait.
    func approve(_ id: JobID) throws -> LiveJob? {
        try first(
            """
            UPDATE live_jobs SET state = 'pending', waits_for = 0, since = \(now)
            WHERE id = \(id.text) AND state = \(.blocked) AND device_id IS NOT NULL
            RETURNING \(raw: LiveJob.columns)
            """
        ) { try LiveJob(&$0) }
    }

    /// A device's oldest commands.
    func firstCommands(of device: DeviceID, limit: Int) throws -> [JobID] {
        try rows(
            "SELECT job_id FROM device_commands WHERE device_id = \(device.text) ORDER BY number LIMIT \(limit)"
        ) { try JobID($0.text()) }
    }

    func deleteCommands(_ ids: [JobID]) throws {
        try SQL.chunked(ids) { try executeLater("DELETE FROM device_commands WHERE job_id \(in: $0.map(\.text))") }
    }

    /// The commands of a session that wait for approval.
    func unapproved(in session: SessionID, limit: Int) throws -> [JobID] {
        try rows(
            """
            SELECT job_id FROM device_commands
            JOIN live_jobs ON live_jobs.id \(.isFound) job_id \(.end) AND state = \(.blocked)
            WHERE session_id = \(session.text) ORDER BY number LIMIT \(limit)
            """
        ) { try JobID($0.text()) }
    }
}
