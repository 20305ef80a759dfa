package import Store

/// Tells other processes that keys have ended, so that they forget them at once: a hint, as it may be lost. (On SQLite
/// nothing is told.)
package enum KeyHints {
    private static let channel = "hatchfarm_keys"
    private static let everything = "all"
    /// A hash has 64 characters, PostgreSQL takes 8,000.
    private static let hashesPerHint = 100

    package enum Hint: Sendable {
        /// SHA-256 hex of keys.
        case ended([String])
        /// What is known of any key may be wrong.
        case all
    }

    package static func send(_ hint: Hint, _ database: Database) async throws {
        switch hint {
        case .all: try await database.notify(channel, everything)
        case .ended(let hashes):
            for start in stride(from: 0, to: hashes.count, by: hashesPerHint) {
                let some = hashes[start..<min(start + hashesPerHint, hashes.count)]
                try await database.notify(channel, some.joined(separator: ","))
            }
        }
    }

    /// What other processes, and this one, tell.
    package static func listen(_ database: Database, _ hear: @Sendable (Hint) -> Void) async {
        guard database.sqlEngine == .postgres else { return }
        for await payload in database.notifications(channel) {
            hear(payload == everything ? .all : .ended(payload.split(separator: ",").map(String.init)))
        }
    }
}
