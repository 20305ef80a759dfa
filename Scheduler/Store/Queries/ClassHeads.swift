package import Domain

/// A requirement class as it is stored.
package struct JobClass: Sendable {
    package let id: ClassID
    package let requirement: Requirement
    /// Its last use; 0 when that wasn't asked for.
    package let usedAt: Int64
}

/// One class to take from, and where its living begin.
package struct ClassHead: Sendable {
    package var id: ClassID
    /// Nothing alive is believed to have a smaller tag (`LowWaterMark`).
    package var fromTag: Int64
    /// The side of a task whose audit its machines may not have (CONTRACT 4).
    package var barred: OwnerID?
    /// The device whose commands alone are meant.
    package var device: DeviceID?

    package init(id: ClassID, fromTag: Int64, barred: OwnerID? = nil, device: DeviceID? = nil) {
        self.id = id
        self.fromTag = fromTag
        self.barred = barred
        self.device = device
    }
}

/// The first job that waits in a class.
package struct QueueHead: Sendable {
    package var id: ClassID
    package var tag: Int64
    package var since: Int64
    package var owner: OwnerID
}

extension Transaction {
    /// The classes that claims are looked for in and that were used since an instant, the one used last at the end.
    package func classes(usedSince instant: Int64) throws -> [JobClass] {
        try rows(
            """
            SELECT \(raw: Self.classColumns), used_at FROM live_classes
                JOIN job_classes ON job_classes.id \(.isFound) live_classes.id \(.end)
            WHERE used_at >= \(instant) ORDER BY used_at
            """
        ) { try Self.jobClass(&$0) }
    }

    package func classes(_ ids: [ClassID]) throws -> [JobClass] {
        guard !ids.isEmpty else { return [] }
        return try rows("SELECT \(raw: Self.classColumns), 0 FROM job_classes WHERE id \(in: ids.map(\.number))") {
            try Self.jobClass(&$0)
        }
    }

    /// The first that waits in each class, where something does.
    package func heads(of classes: ArraySlice<ClassHead>) throws -> [QueueHead] {
        let wanted = SQL.Rows("wanted", ["class", "mark"], of: classes) {
            [.integer($0.id.number), .integer($0.fromTag)]
        }
        // The head is looked for once: an old snapshot may have left many dead entries before it.
        return try rows(
            """
            SELECT class_id, tag, since, owner_id FROM live_jobs\(and: wanted)
            WHERE id \(.isFound) SELECT id FROM live_jobs
                WHERE class_id = \(wanted.class) AND state = 'pending' AND tag >= \(wanted.mark)
                ORDER BY class_id, tag, id LIMIT 1 \(.end)
            """
        ) { row in
            try QueueHead(
                id: ClassID(row.integer()), tag: row.integer(), since: row.integer(), owner: OwnerID(row.text()))
        }
    }

    private static let classColumns: StaticString = """
        job_classes.id, kind, queue, priority, milli_cores, memory_mib, gpus, labels, isolation, minutes,
        max_hourly_price
        """

    private static func jobClass(_ row: inout Row) throws -> JobClass {
        let id = try ClassID(row.integer())
        var need = try Requirement(kind: row.word(), queue: row.text(), priority: row.integer())
        need.milliCores = try row.integer()
        need.memoryMiB = try row.integer()
        need.gpus = try row.integer()
        need.labels = try row.text().split(separator: "\n").map(String.init)
        let rank = try row.integer()
        guard let isolation = Isolation(rank: rank) else { throw InternalError.unreadable("isolation \(rank)") }
        need.isolation = isolation
        need.minutes = try row.integer()
        need.maxHourlyPrice = try row.optionalInteger()
        return try JobClass(id: id, requirement: need, usedAt: row.integer())
    }
}
