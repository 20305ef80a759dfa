internal import Domain

extension Transaction {
    /// The baptism of devices, which are locked in the order of their keys; made where there was none.
    func lockBaptisms(of keys: [InklingKey]) throws -> [InklingKey: Baptism] {
        let keys = Set(keys).sorted()
        for key in keys {
            try executeLater(
                "INSERT INTO baptisms (public_key) VALUES (\(key.text)) ON CONFLICT (public_key) DO NOTHING")
        }
        let found = try rows(
            """
            SELECT public_key, \(raw: Baptism.columns) FROM baptisms WHERE public_key \(in: keys.map(\.text))
            ORDER BY public_key \(.forUpdate)
            """
        ) { row in try (InklingKey(row.text()), Baptism(&row)) }
        return Dictionary(found) { first, _ in first }
    }

    /// Writes the counts and what follows of them.
    func updateBaptism(_ baptism: Baptism, of key: InklingKey) throws {
        guard baptism.levels.count == Baptism.topLevel else { throw InternalError("a baptism has five levels") }
        let levels = baptism.levels
        try executeLater(
            """
            UPDATE baptisms SET is_blessed = \(baptism.isBlessed), is_verified = \(baptism.isVerified),
                level_1 = \(levels[0]), level_2 = \(levels[1]), level_3 = \(levels[2]), level_4 = \(levels[3]),
                level_5 = \(levels[4])
            WHERE public_key = \(key.text)
            """)
    }

    /// Notes that a device asks to be baptized, unless it did before.
    func requestBaptism(of key: InklingKey, id: String, message: String?) throws {
        try executeLater(
            """
            UPDATE baptisms SET request_id = \(id), message = \(message), requested_at = \(now)
            WHERE public_key = \(key.text) AND request_id IS NULL
            """)
    }

    /// False when there is one by the same endorser.
    func insertEndorsement(
        id: String, of target: InklingKey, by endorser: InklingKey, level: Int, message: String?
    ) throws -> Bool {
        try execute(
            """
            INSERT INTO endorsements (target_key, endorser_key, id, level, message, created_at)
            VALUES (\(target.text), \(endorser.text), \(id), \(level), \(message), \(now))
            ON CONFLICT (target_key, endorser_key) DO NOTHING
            """) == 1
    }

    /// Takes an endorsement away; returns its level, nil when there is none.
    func deleteEndorsement(of target: InklingKey, by endorser: InklingKey) throws -> Int? {
        try first(
            """
            DELETE FROM endorsements WHERE target_key = \(target.text) AND endorser_key = \(endorser.text)
            RETURNING level
            """
        ) { try $0.int() }
    }
}

extension Baptism {
    static let columns: StaticString = """
        is_blessed, is_verified, requested_at, level_1, level_2, level_3, level_4, level_5
        """

    init(_ row: inout Row) throws {
        let (isBlessed, isVerified) = try (row.bool(), row.bool())
        let requestedAt = try row.optionalInteger()
        var levels: [Int64] = []
        for _ in 0..<Self.topLevel { levels.append(try row.integer()) }
        self.init(
            levels: levels, isBlessed: isBlessed, isVerified: isVerified, isRequested: requestedAt != nil)
    }
}
