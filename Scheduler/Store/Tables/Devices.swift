internal import Domain

extension Transaction {
    /// False when the id is taken.
    func insertDevice(
        _ id: DeviceID, of customer: CustomerID, name: String, location: String?, codeHash: String
    ) throws -> Bool {
        try execute(
            """
            INSERT INTO devices (id, customer_id, name, location, state, activation_hash, activation_expires,
                created_at)
            VALUES (\(id.text), \(customer.text), \(name), \(location), 'provisioned', \(codeHash),
                \(now + Device.activationLasts), \(now))
            ON CONFLICT (id) DO NOTHING
            """) == 1
    }

    /// Gives a device that never registered, or is suspended, another code. False when it isn't such a device of the
    /// customer's.
    func renewCode(
        _ id: DeviceID, of customer: CustomerID, name: String?, location: String?, codeHash: String
    ) throws -> Bool {
        try execute(
            """
            UPDATE devices SET name = COALESCE(\(name), name), location = COALESCE(\(location), location),
                activation_hash = \(codeHash),
                activation_expires = \(now + Device.activationLasts), state = 'provisioned', secret_hash = NULL,
                registered_at = NULL
            WHERE id = \(id.text) AND customer_id = \(customer.text) AND state IN ('provisioned', 'suspended')
            """) == 1
    }

    func insertPresence(_ id: DeviceID, of customer: CustomerID) throws {
        try executeLater("INSERT INTO device_presence (device_id, customer_id) VALUES (\(id.text), \(customer.text))")
    }

    /// Counts one more device of a customer; false at the limit.
    func countDevice(of customer: CustomerID) throws -> Bool {
        try execute(
            """
            INSERT INTO customers (id, devices) VALUES (\(customer.text), 1)
            ON CONFLICT (id) DO UPDATE SET devices = customers.devices + 1 WHERE customers.devices < \(Device.limit)
            """) == 1
    }

    func uncountDevice(of customer: CustomerID) throws {
        try executeLater("UPDATE customers SET devices = devices - 1 WHERE id = \(customer.text)")
    }

    /// Turns a provisioned device into an active one: the guard of every activation. False when it isn't provisioned,
    /// or the code is wrong or too old.
    func activate(
        _ id: DeviceID, codeHash: String, secretHash: String, model: String?, location: String?
    ) throws
        -> Bool
    {
        try execute(
            """
            UPDATE devices SET state = 'active', secret_hash = \(secretHash), registered_at = \(now),
                model = COALESCE(\(model), model), location = COALESCE(location, \(location))
            WHERE id = \(id.text) AND state = 'provisioned' AND activation_hash = \(codeHash)
                AND activation_expires > \(now)
            """) == 1
    }

    /// Moves a customer's device from one state to another; false when it isn't in that one.
    func moveDevice(_ id: DeviceID, of customer: CustomerID, from: Device.State, to state: Device.State) throws -> Bool
    {
        try execute(
            """
            UPDATE devices SET state = \(state.rawValue),
                suspensions = suspensions + \(state == .suspended ? 1 : 0)
            WHERE id = \(id.text) AND customer_id = \(customer.text) AND state = \(from.rawValue)
            """) == 1
    }

    /// Writes what its customer calls and configures a device.
    func updateDevice(_ device: Device) throws {
        try executeLater(
            """
            UPDATE devices SET name = \(device.name), location = \(device.location), config = \(device.config)
            WHERE id = \(device.id.text)
            """)
    }

    /// Keeps a device as it is until the commit; nil when there is none.
    func lockDevice(_ id: DeviceID) throws -> Device? {
        // Before the columns of another table are read, so that the lock is on this one alone.
        guard try first("SELECT id FROM devices WHERE id = \(id.text) \(.forUpdate)", { try $0.text() }) != nil else {
            return nil
        }
        return try device(id)
    }

    /// Keeps devices as they are until the commit, in the order of their ids.
    func lockDevices(_ ids: ArraySlice<DeviceID>) throws {
        _ = try rows(
            "SELECT id FROM devices WHERE id \(in: ids.map(\.text)) ORDER BY id \(.forUpdate)"
        ) { try $0.text() }
    }

    /// The number of a new command of a customer's device; nil when the device can't have another.
    func nextCommandNumber(of id: DeviceID, _ customer: CustomerID) throws -> Int64? {
        try first(
            """
            UPDATE devices SET last_number = last_number + 1
            WHERE id = \(id.text) AND customer_id = \(customer.text) AND open_commands < \(DeviceCommand.limit)
            RETURNING last_number
            """
        ) { try $0.integer() }
    }

    /// Whether a device may hold leases; locked until the commit, so that it isn't suspended meanwhile.
    func lockActive(_ id: DeviceID) throws -> Bool {
        try first("SELECT id FROM devices WHERE id = \(id.text) AND state = 'active' \(.forUpdate)") {
            try $0.text()
        } != nil
    }

    /// How many commands of each of these devices wait for a claim; those that aren't active are left out.
    func waitingCommands(of ids: ArraySlice<DeviceID>) throws -> [DeviceID: Int64] {
        let found = try rows(
            "SELECT id, waiting FROM devices WHERE id \(in: ids.map(\.text)) AND state = 'active'"
        ) { row in try (DeviceID(row.text()), row.integer()) }
        return Dictionary(found) { first, _ in first }
    }
}

// MARK: Deletion

extension Transaction {
    /// Takes a device from its customer, for good; false when it isn't the customer's. No secret opens it any more.
    func moveToNobody(_ id: DeviceID, from customer: CustomerID) throws -> Bool {
        try moveToNobody("id = \(id.text) AND customer_id = \(customer.text)")
    }

    /// The same, if it still waits for its registration with a code that ran out before an instant.
    func moveUnregisteredToNobody(_ id: DeviceID, from customer: CustomerID, before instant: Int64) throws -> Bool {
        try moveToNobody(
            """
            id = \(id.text) AND customer_id = \(customer.text) AND state = 'provisioned'
                AND activation_expires < \(instant)
            """)
    }

    private func moveToNobody(_ condition: SQL) throws -> Bool {
        try execute(
            """
            UPDATE devices SET customer_id = \(CustomerID.nobody.text), state = 'suspended', secret_hash = '-',
                erase_at = \(now), activation_expires = \(now)
            WHERE \(sql: condition)
            """) == 1
    }

    /// Devices that were never heard of and whose codes ran out before an instant, with their customers.
    func unregisteredDevices(
        before instant: Int64, _ picking: Picking
    ) throws -> [(device: DeviceID, customer: CustomerID)] {
        try rows(
            """
            SELECT devices.id, devices.customer_id
            FROM devices JOIN device_presence ON device_id \(.isFound) devices.id \(.end) AND last_seen IS NULL
            WHERE state = 'provisioned' AND activation_expires < \(instant)
                AND NOT (devices.id \(in: picking.except))
            ORDER BY activation_expires LIMIT \(picking.limit)
            """
        ) { row in try (DeviceID(row.text()), CustomerID(row.text())) }
    }

    /// Deleted devices that are to be looked at now; they are to be looked at again at an instant.
    func takeDeleted(until instant: Int64, limit: Int) throws -> [DeviceID] {
        try rows(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM devices WHERE erase_at <= \(now) ORDER BY erase_at LIMIT \(limit) \(.skipLocked))
            UPDATE devices SET erase_at = \(instant) WHERE id IN (SELECT id FROM due) RETURNING id
            """
        ) { try DeviceID($0.text()) }
    }

    func isDeleted(_ id: DeviceID) throws -> Bool {
        try first("SELECT id FROM devices WHERE id = \(id.text) AND erase_at IS NOT NULL") { try $0.text() } != nil
    }

    func eraseLater(_ id: DeviceID, at instant: Int64) throws {
        try executeLater("UPDATE devices SET erase_at = \(instant) WHERE id = \(id.text) AND erase_at IS NOT NULL")
    }

    /// Frees the id of a device of which nothing is left; false when something is, or it was deleted later. (Its code
    /// ended when it was deleted.)
    func deleteErased(_ id: DeviceID, deletedBefore instant: Int64) throws -> Bool {
        try execute(
            """
            DELETE FROM devices WHERE id = \(id.text) AND erase_at IS NOT NULL AND activation_expires < \(instant)
                AND open_commands = 0
                AND NOT EXISTS (SELECT 1 FROM device_commands WHERE device_id = devices.id)
                AND NOT EXISTS (SELECT 1 FROM device_updates WHERE device_id = devices.id)
                AND NOT EXISTS (SELECT 1 FROM device_sessions WHERE device_id = devices.id)
            """) == 1
    }
}

// MARK: Presence

/// A row of presence as it was before a change.
struct KnownPresence {
    var device: DeviceID
    var customer: CustomerID
    var isOnline: Bool
    var health: Device.Presence.Health?

    static let columns: StaticString = "device_id, customer_id, is_online, health"

    init(_ row: inout Row) throws {
        device = try DeviceID(row.text())
        customer = try CustomerID(row.text())
        isOnline = try row.bool()
        let word = try row.optionalText()
        health = word.flatMap(Device.Presence.Health.init(rawValue:))
    }
}

extension Transaction {
    /// Locks the presence of devices in the order of their ids. Of those that another transaction has it says nothing,
    /// unless it `waits` for them.
    func lockPresence(of ids: ArraySlice<DeviceID>, waits: Bool = true) throws -> [KnownPresence] {
        let lock: Clause = waits ? .forUpdate : .skipLocked
        return try rows(
            """
            SELECT \(raw: KnownPresence.columns) FROM device_presence WHERE device_id \(in: ids.map(\.text))
            ORDER BY device_id \(lock)
            """
        ) { try KnownPresence(&$0) }
    }

    func deletePresence(of id: DeviceID) throws {
        try executeLater("DELETE FROM device_presence WHERE device_id = \(id.text)")
    }

    func writeBeats(_ beats: ArraySlice<DeviceBeat>) throws {
        let beats = SQL.Rows("beats", ["id", "now_health", "now_metrics", "now_diagnostics"], of: beats) { beat in
            [.text(beat.device.text), .text(beat.health.rawValue), .text(beat.metrics), .text(beat.diagnostics)]
        }
        try executeLater(
            """
            UPDATE device_presence SET is_online = 1, health = \(beats.now_health), last_seen = \(now),
                metrics = COALESCE(\(beats.now_metrics), metrics),
                diagnostics = COALESCE(\(beats.now_diagnostics), diagnostics)
            \(from: beats) WHERE device_presence.device_id \(is: beats.id)
            """)
    }

    /// Locks devices that were last heard of before an instant and are still taken for online, the longest silent
    /// first.
    func lockSilent(before instant: Int64, _ picking: Picking) throws -> [KnownPresence] {
        try rows(
            """
            SELECT \(raw: KnownPresence.columns) FROM device_presence
            WHERE is_online = 1 AND last_seen < \(instant) AND NOT (device_id \(in: picking.except))
            ORDER BY last_seen LIMIT \(picking.limit) \(.skipLocked)
            """
        ) { try KnownPresence(&$0) }
    }

    func markOffline(_ ids: ArraySlice<DeviceID>) throws {
        try executeLater("UPDATE device_presence SET is_online = 0 WHERE device_id \(in: ids.map(\.text))")
    }

    /// Counts devices that came online or went offline, by customer.
    func countOnline(_ changes: [CustomerID: Int64]) throws {
        for (customer, change) in changes.sorted(by: { $0.key < $1.key }) where change != 0 {
            try executeLater("UPDATE customers SET online = online + \(change) WHERE id = \(customer.text)")
        }
    }
}
