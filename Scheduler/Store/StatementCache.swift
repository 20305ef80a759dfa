/// The prepared statements of one connection by their text; the longest unused one makes room.
struct StatementCache<Statement> {
    private final class Entry {
        let statement: Statement
        var lastUse: UInt64

        init(_ statement: Statement, _ lastUse: UInt64) {
            self.statement = statement
            self.lastUse = lastUse
        }
    }

    private let capacity: Int
    private var entries: [String: Entry] = [:]
    private var uses: UInt64 = 0

    init(capacity: Int = 512) { self.capacity = capacity }

    mutating func statement(for text: String) -> Statement? {
        guard let entry = entries[text] else { return nil }
        uses += 1
        entry.lastUse = uses
        return entry.statement
    }

    /// Keeps a statement; returns the one that had to go.
    mutating func insert(_ statement: Statement, for text: String) -> Statement? {
        var evicted: Statement?
        if entries.count >= capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            evicted = entries.removeValue(forKey: oldest.key)?.statement
        }
        uses += 1
        entries[text] = Entry(statement, uses)
        return evicted
    }
}
