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
    }

    func countClasses(createdBy owner: OwnerID) throws -> Int64 {
        try first("SELECT COUNT(*) FROM job_classes WHERE created_by = \(owner.text)") { try $0.integer() } ?? 0
    }
}
