import Domain
import Support
@testable import Store

/// Rows of companion devices, which the database makes itself: a row's number decides what it says.
enum InklingSamples {
    static let devices: Int64 = 4_000
    /// The device to which others write and of which they speak; every key is its number in 64 digits.
    static let main = key(1)

    static func key(_ number: Int64) -> InklingKey {
        let digits = String(max(0, number))
        return InklingKey(String(repeating: "0", count: max(0, 64 - digits.count)) + digits)
    }

    /// An id of the kind that the number `n` of a row makes; larger numbers sort later.
    static func id(_ number: Int64) -> String {
        let digits = String(max(0, number))
        return prefix + String(repeating: "0", count: max(0, 12 - digits.count)) + digits
    }

    private static let prefix = "00000000-0000-7000-8000-"
    private static let idText: SQL = "\(prefix) || substr('000000000000' || n, length('' || n) + 1)"
    private static let zeros = String(repeating: "0", count: 64)

    private static func keyText(_ number: SQL) -> SQL {
        "substr(\(zeros) || (\(sql: number)), length('' || (\(sql: number))) + 1)"
    }

    private static func numbers(_ count: Int64) -> SQL {
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < \(count))"
    }

    static func fill(_ tx: Transaction) throws {
        try fillDevices(tx)
        try fillMail(tx)
        try fillTrust(tx)
    }

    /// Every other one, from the second on, is a child of the first, as far as one may have children.
    private static func fillDevices(_ tx: Transaction) throws {
        let (isChild, none): (SQL, SQL) = ("n % 2 = 0 AND n <= 2 * \(Inkling.childLimit)", "NULL")
        try tx.execute(
            """
            INSERT INTO inklings (public_key, id, name, hardware_hash, parent_key, child_number, generation, children,
                created_at)
            \(sql: numbers(devices))
            SELECT \(sql: keyText("n")), \(sql: idText), 'Inkling', 'hash', CASE WHEN \(sql: isChild) THEN \(main.text)
                ELSE \(sql: none) END, CASE WHEN \(sql: isChild) THEN n / 2 ELSE \(sql: none) END,
                CASE WHEN \(sql: isChild) THEN 1 ELSE 0 END, CASE WHEN n = 1 THEN \(Inkling.childLimit) ELSE 0 END,
                \(tx.now)
            FROM numbers
            """)
        try tx.execute(
            """
            INSERT INTO dreams (id, author_key, content, created_at)
            \(sql: numbers(20_000))
            SELECT \(sql: idText), \(sql: keyText("1 + n % \(devices)")), 'I dreamed ' || n, \(tx.now) FROM numbers
            """)
        try tx.execute(
            """
            INSERT INTO oracle_calls (id, public_key, day, tokens, digest, expires_at)
            \(sql: numbers(5_000))
            SELECT \(sql: idText), \(sql: keyText("1 + n % \(devices)")), 1, 10, 'digest', \(tx.now) + n - 2000
            FROM numbers
            """)
    }

    /// The first device's mailbox is full: three of four letters are telegrams, of which the newest are unread.
    private static func fillMail(_ tx: Transaction) throws {
        let full = Inkling.mailboxLimit
        try tx.execute("INSERT INTO mailboxes (public_key, last_position) VALUES (\(main.text), \(full))")
        try tx.execute(
            """
            INSERT INTO telegrams (to_key, position, id, from_key, content, content_nonce, read_at, created_at)
            \(sql: numbers(2 * full))
            SELECT CASE WHEN n <= \(full) THEN \(main.text) ELSE \(sql: keyText("1 + n % \(devices)")) END, n,
                \(sql: idText), \(sql: keyText("2 + n % 3000")), 'aGVsbG8=', '0a',
                CASE WHEN n <= \(full - 40) THEN \(tx.now) END, \(tx.now)
            FROM numbers WHERE n % 4 > 0
            """)
        try tx.execute(
            """
            INSERT INTO postcards (id, to_key, position, from_key, image_data, width, height, created_at)
            \(sql: numbers(3 * full))
            SELECT \(sql: idText), CASE WHEN n <= \(full) THEN \(main.text) WHEN n % 8 = 0 THEN ''
                ELSE \(sql: keyText("1 + n % \(devices)")) END, CASE WHEN n <= \(full) OR n % 8 > 0 THEN n END,
                \(sql: keyText("2 + n % 3000")), 'AA==', 8, 1, \(tx.now)
            FROM numbers WHERE n % 4 = 0
            """)
    }

    /// Two of three ask to be baptized; the first has as many endorsements as one may have.
    private static func fillTrust(_ tx: Transaction) throws {
        try tx.execute(
            """
            INSERT INTO baptisms (public_key, is_verified, request_id, requested_at)
            \(sql: numbers(devices))
            SELECT \(sql: keyText("n")), CASE WHEN n % 3 = 0 THEN 1 ELSE 0 END, \(sql: idText), \(tx.now) FROM numbers
            """)
        try tx.execute(
            """
            INSERT INTO endorsements (target_key, endorser_key, id, level, created_at)
            \(sql: numbers(4_000))
            SELECT CASE WHEN n <= \(Baptism.limit) THEN \(main.text) ELSE \(sql: keyText("2 + n % 3000")) END,
                \(sql: keyText("1 + n % \(devices)")), \(sql: idText), 1, \(tx.now)
            FROM numbers WHERE TRUE ON CONFLICT (target_key, endorser_key) DO NOTHING
            """)
    }
}
