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

/// A requirement class as it is stored.
package struct JobClass: Sendable {
    package let id: ClassID
    package let requirement: Requirement
    package let createdAt: Int64
}

extension Transaction {
    /// Records classes that may be new.
    func insertClasses(_ classes: [(ClassID, Requirement, createdBy: OwnerID)]) throws {
        try SQL.chunked(classes) { chunk in
            let rows = chunk.map { id, need, owner in
                [
                    Value.integer(id.number), .text(need.kind.rawValue), .text(need.queue), .integer(need.priority),
                    .integer(need.milliCores), .integer(need.memoryMiB), .integer(need.gpus),
                    .text(need.labels.joined(separator: "\n")), .integer(need.isolation.rank),
                    .integer(need.minutes), .integer(need.maxHourlyPrice), .text(need.target),
                    .text(need.excludedOwners.joined(separator: "\n")), .text(owner.text), .integer(now),
                ]
            }
            try execute(
                """
                INSERT INTO job_classes (id, kind, queue, priority, milli_cores, memory_mib, gpus, labels,
                    isolation, minutes, max_hourly_price, target, excluded_owners, created_by, created_at)
                VALUES \(rows: rows) ON CONFLICT (id) DO NOTHING
                """)
        }
    }

    func countClasses(createdBy owner: OwnerID) throws -> Int64 {
        try first("SELECT COUNT(*) FROM job_classes WHERE created_by = \(owner.text)") { try $0.integer() } ?? 0
    }

    /// The classes recorded since an instant, oldest first.
    package func classes(since: Int64) throws -> [JobClass] {
        try rows("SELECT \(raw: Self.classColumns) FROM job_classes WHERE created_at >= \(since) ORDER BY created_at") {
            try Self.jobClass(&$0)
        }
    }

    package func classes(_ ids: [ClassID]) throws -> [JobClass] {
        guard !ids.isEmpty else { return [] }
        return try rows("SELECT \(raw: Self.classColumns) FROM job_classes WHERE id IN (\(list: ids.map(\.number)))") {
            try Self.jobClass(&$0)
        }
    }

    private static let classColumns: StaticString = """
        id, kind, queue, priority, milli_cores, memory_mib, gpus, labels, isolation, minutes, max_hourly_price,
        target, excluded_owners, created_at
        """

    private static func jobClass(_ row: inout Row) throws -> JobClass {
        let id = try ClassID(row.integer())
        let kindText = try row.text()
        guard let kind = Kind(rawValue: kindText) else { throw DatabaseError.unreadable("kind \(kindText)") }
        var need = try Requirement(kind: kind, queue: row.text(), priority: row.integer())
        need.milliCores = try row.integer()
        need.memoryMiB = try row.integer()
        need.gpus = try row.integer()
        need.labels = try row.text().split(separator: "\n").map(String.init)
        let rank = try row.integer()
        guard let isolation = Isolation(rank: rank) else { throw DatabaseError.unreadable("isolation \(rank)") }
        need.isolation = isolation
        need.minutes = try row.integer()
        need.maxHourlyPrice = try row.optionalInteger()
        need.target = try row.optionalText()
        need.excludedOwners = try row.text().split(separator: "\n").map(String.init)
        return try JobClass(id: id, requirement: need, createdAt: row.integer())
    }
}

extension DatabaseError {
    /// What is stored can't be read back: our bug, or somebody else's hand in the database.
    static func unreadable(_ what: String) -> DatabaseError { .failed(code: "unreadable", message: what) }
}
