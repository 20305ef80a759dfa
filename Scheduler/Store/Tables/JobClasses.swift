internal import Bytes
package import Domain

extension NewJob {
    package init(owner: OwnerID, title: String, requirement: Requirement, spec: String) {
        self.init(owner: owner, title: title, requirement: requirement, classID: ClassID(requirement), spec: spec)
    }
}

extension ClassID {
    /// The class of jobs with this requirement: 63 bits of the key's SHA-256, so that every process agrees
    /// without asking. (Two in 10⁶ classes collide with a chance of 10⁻⁷.)
    package init(_ requirement: Requirement) {
        let digest = SHA256.hash(Array(requirement.key.utf8))
        self.init(digest.prefix(8).reduce(Int64(0)) { ($0 << 8) | Int64($1) } & .max)
    }
}

extension Transaction {
    /// Records classes that may be new.
    func insertClasses(_ classes: [(ClassID, Requirement, createdBy: OwnerID)]) throws {
        let columns: [StaticString] = [
            "id", "kind", "queue", "priority", "milli_cores", "memory_mib", "gpus", "labels", "isolation", "minutes",
            "max_hourly_price", "excluded_owners", "created_by", "created_at",
        ]
        let rows = SQL.Rows("classes", columns, of: classes) { id, need, owner in
            [
                .integer(id.number), .text(need.kind.rawValue), .text(need.queue), .integer(need.priority),
                .integer(need.milliCores), .integer(need.memoryMiB), .integer(need.gpus),
                .text(need.labels.joined(separator: "\n")), .integer(need.isolation.rank), .integer(need.minutes),
                .integer(need.maxHourlyPrice), .text(""), .text(owner.text), .integer(now),
            ]
        }
        try executeLater("INSERT INTO job_classes \(inserting: rows) ON CONFLICT (id) DO NOTHING")
        try useClasses(classes.map { ($0.0, $0.createdBy) })
    }

    /// Notes that classes are used now, and by whom last: they count as that owner's. In the order of their ids, as
    /// others may do the same.
    func useClasses(_ classes: [(id: ClassID, owner: OwnerID)]) throws {
        let used = SQL.Rows("used", ["id", "owner_id", "used_at"], of: classes.sorted { $0.id < $1.id }) { id, owner in
            [.integer(id.number), .text(owner.text), .integer(now)]
        }
        try executeLater(
            """
            INSERT INTO live_classes \(inserting: used)
            ON CONFLICT (id) DO UPDATE SET owner_id = excluded.owner_id, used_at = excluded.used_at
            """)
        try SQL.chunked(classes.map(\.id.number).sorted()) { ids in
            try executeLater(
                "UPDATE job_classes SET unused_since = NULL WHERE id \(in: ids) AND unused_since IS NOT NULL")
        }
    }

    /// Takes away descriptions of classes that nobody has used since an instant; returns how many.
    func deleteClasses(unusedSince instant: Int64, limit: Int) throws -> Int {
        let old = try rows(
            """
            SELECT id FROM job_classes WHERE unused_since <= \(instant) AND unused_since IS NOT NULL
            ORDER BY unused_since LIMIT \(limit) \(.skipLocked)
            """
        ) { try $0.integer() }
        var gone = 0
        try SQL.chunked(old.sorted()) { ids in
            gone += try execute(
                "DELETE FROM job_classes WHERE id \(in: ids) AND unused_since + 0 <= \(instant)")
        }
        return gone
    }

    /// How many classes count as an owner's.
    func countClasses(of owner: OwnerID) throws -> Int64 {
        try first("SELECT COUNT(*) FROM live_classes WHERE owner_id = \(owner.text)") { try $0.integer() } ?? 0
    }

    /// Those of these classes that count as an owner's.
    func liveClasses(among ids: [ClassID], of owner: OwnerID) throws -> Set<ClassID> {
        let found = try rows(
            "SELECT id FROM live_classes WHERE id \(in: ids.map(\.number)) AND owner_id = \(owner.text)"
        ) { try ClassID($0.integer()) }
        return Set(found)
    }

    /// So many classes behind one, in the order of their ids.
    func liveClasses(after id: ClassID?, limit: Int) throws -> [ClassID] {
        try rows("SELECT id FROM live_classes WHERE id > \(id?.number ?? Int64.min) ORDER BY id LIMIT \(limit)") {
            try ClassID($0.integer())
        }
    }

    /// Takes those of these classes away that nobody has used for `ClassLife.removedAfter` and in which nothing waits.
    /// Whoever uses one at this moment is waited for, and keeps it.
    func deleteUnused(_ ids: [ClassID]) throws -> [ClassID] {
        // Look-ups: `NOT EXISTS` would let PostgreSQL walk what waits while there is little of it, and keep to that.
        try rows(
            """
            DELETE FROM live_classes
            WHERE id \(in: ids.map(\.number)) AND used_at + 0 <= \(now - ClassLife.removedAfter)
                AND (SELECT 1 FROM live_jobs
                    WHERE class_id = live_classes.id AND state = 'pending' LIMIT 1) IS NULL
                AND (SELECT 1 FROM live_jobs
                    WHERE class_id = live_classes.id AND class_id IS NOT NULL AND state IN ('blocked', 'scheduled')
                    LIMIT 1) IS NULL
            RETURNING id
            """
        ) { try ClassID($0.integer()) }
    }

    /// What they need is kept for a time from now on.
    func noteUnused(_ ids: [ClassID]) throws {
        try SQL.chunked(ids.map(\.number).sorted()) { chunk in
            try executeLater("UPDATE job_classes SET unused_since = \(now) WHERE id \(in: chunk)")
        }
    }
}
