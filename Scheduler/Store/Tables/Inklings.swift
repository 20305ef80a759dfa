internal import Domain

extension Transaction {
    /// Keeps a device as it is until the commit; nil when there is none.
    func lockInkling(_ key: InklingKey) throws -> Inkling? {
        try first(
            "SELECT \(raw: Inkling.columns) FROM inklings WHERE public_key = \(key.text) \(.forUpdate)"
        ) { try Inkling(&$0) }
    }

    /// False when the key is known.
    func insertInkling(_ inkling: Inkling, childNumber: Int64? = nil) throws -> Bool {
        try execute(
            """
            INSERT INTO inklings (public_key, id, name, hardware_hash, parent_key, child_number, generation, traits,
                created_at)
            VALUES (\(inkling.key.text), \(inkling.id), \(inkling.name), \(inkling.hardwareHash),
                \(inkling.parent?.text), \(childNumber), \(inkling.generation), \(inkling.traits),
                \(inkling.createdAt))
            ON CONFLICT (public_key) DO NOTHING
            """) == 1
    }

    /// Notes the hash of a device that had none; false when it has one.
    func setHardwareHash(_ hash: String, of key: InklingKey) throws -> Bool {
        try execute(
            """
            UPDATE inklings SET hardware_hash = \(hash)
            WHERE public_key = \(key.text) AND (hardware_hash IS NULL OR hardware_hash = \(hash))
            """) == 1
    }

    /// Takes a device away that has done nothing and that nobody has done anything to; false when that isn't so. It is
    /// locked: whoever lets a call of it in counts that under the same lock.
    func deleteUnusedInkling(_ key: InklingKey) throws -> Bool {
        try execute(
            """
            DELETE FROM inklings
            WHERE public_key = \(key.text) AND is_banned = 0 AND parent_key IS NULL AND children = 0
                AND NOT EXISTS (SELECT 1 FROM mailboxes WHERE public_key = \(key.text))
                AND NOT EXISTS (SELECT 1 FROM baptisms WHERE public_key = \(key.text))
                AND NOT EXISTS (SELECT 1 FROM daily_counts WHERE \(sql: Self.counts(of: key)))
            """) == 1
    }

    /// Forgets the hash of a device that has done nothing since it was noted, and is nobody's child.
    func forgetHardwareHash(of key: InklingKey) throws {
        try executeLater(
            """
            UPDATE inklings SET hardware_hash = NULL
            WHERE public_key = \(key.text) AND parent_key IS NULL
                AND NOT EXISTS (SELECT 1 FROM daily_counts WHERE \(sql: Self.counts(of: key)))
            """)
    }

    /// What a device has done of late: every signed call that is accepted counts, and is told for a day at least.
    private static func counts(of key: InklingKey) -> SQL {
        "quota \(in: InklingQuota.allCases.map(\.rawValue)) AND subject = \(key.text)"
    }

    /// False when there is no such device.
    func setBanned(_ isBanned: Bool, _ key: InklingKey) throws -> Bool {
        try execute("UPDATE inklings SET is_banned = \(isBanned) WHERE public_key = \(key.text)") == 1
    }

    /// Counts one more child of a device; returns how many that makes, nil at the limit.
    func countChild(of key: InklingKey) throws -> Int64? {
        try first(
            """
            UPDATE inklings SET children = children + 1
            WHERE public_key = \(key.text) AND children < \(Inkling.childLimit) RETURNING children
            """
        ) { try $0.integer() }
    }

    /// Gives a known device, without parent and children, a parent. False when it has either.
    func adopt(_ certificate: BirthCertificate, by parent: Inkling, number: Int64) throws -> Bool {
        try execute(
            """
            UPDATE inklings SET name = \(certificate.name), parent_key = \(parent.key.text), child_number = \(number),
                generation = \(parent.generation + 1), traits = \(certificate.traits)
            WHERE public_key = \(certificate.child.text) AND parent_key IS NULL AND children = 0
            """) == 1
    }
}

// MARK: Dreams

extension Transaction {
    func insertDream(_ dream: Dream) throws {
        try executeLater(
            """
            INSERT INTO dreams (id, author_key, content, mood, face, created_at)
            VALUES (\(dream.id), \(dream.author.text), \(dream.content), \(dream.mood), \(dream.face), \(now))
            """)
    }

    /// The newest dreams before one, locked from the newest on; each is counted as shown.
    func countNewestDreams(before id: String?, limit: Int) throws -> [String] {
        let ids = try rows(
            """
            SELECT id FROM dreams WHERE id < \(id ?? Self.afterAllIDs) ORDER BY id DESC LIMIT \(limit) \(.forUpdate)
            """
        ) { try $0.text() }
        try SQL.chunked(ids) { chunk in
            try executeLater("UPDATE dreams SET fish_count = fish_count + 1 WHERE id \(in: chunk)")
        }
        return ids
    }

    /// Sorts after every UUID.
    static let afterAllIDs = "g"

    /// Takes away the oldest dreams that were made before an instant; returns how many.
    func deleteDreams(olderThan instant: Int64, limit: Int) throws -> Int {
        let oldest = try rows("SELECT id, created_at FROM dreams ORDER BY id LIMIT \(limit)") { row in
            try (id: row.text(), at: row.integer())
        }
        var gone = 0
        try SQL.chunked(oldest.filter { $0.at < instant }.map(\.id)) { chunk in
            gone += try execute("DELETE FROM dreams WHERE id \(in: chunk)")
        }
        return gone
    }
}

// MARK: The oracle

extension Transaction {
    func insertOracleCall(_ reservation: OracleReservation) throws {
        try executeLater(
            """
            INSERT INTO oracle_calls (id, public_key, day, tokens, digest, expires_at)
            VALUES (\(reservation.id), \(reservation.call.key.text), \(reservation.day), \(reservation.reserved),
                \(reservation.call.digest), \(now + OracleReservation.lasts))
            """)
    }

    /// Takes a reservation away: who does that settles it. False when it is settled.
    func deleteOracleCall(_ id: String) throws -> Bool {
        try execute("DELETE FROM oracle_calls WHERE id = \(id)") == 1
    }

    /// What was never settled, oldest first.
    func expiredOracleCalls(limit: Int) throws -> [(id: String, key: InklingKey, day: Int64, tokens: Int64)] {
        try rows(
            """
            SELECT id, public_key, day, tokens FROM oracle_calls WHERE expires_at <= \(now)
            ORDER BY expires_at LIMIT \(limit)
            """
        ) { row in try (row.text(), InklingKey(row.text()), row.integer(), row.integer()) }
    }
}

extension Inkling {
    static let columns: StaticString = """
        public_key, id, name, hardware_hash, is_banned, parent_key, generation, traits, children, created_at
        """

    init(_ row: inout Row) throws {
        try self.init(
            key: InklingKey(row.text()), id: row.text(), name: row.text(), hardwareHash: row.optionalText(),
            isBanned: row.bool(), parent: row.optionalText().map { InklingKey($0) }, generation: row.integer(),
            traits: row.optionalText(), children: row.integer(), createdAt: row.integer())
    }
}
