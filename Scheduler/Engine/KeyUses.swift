package import Store
internal import Synchronization

/// When keys were last used: noted as they are seen, and written for all of them together. What was noted since the
/// last round is lost when the process is killed.
package final class KeyUses: Ticking {
    package static let topic = "key_uses"
    private static let interval = Duration.seconds(20)

    private let used = Mutex<Set<String>>([])
    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// - Parameter hash: SHA-256 hex of a key that is valid.
    package func note(_ hash: String) { used.withLock { _ = $0.insert(hash) } }

    package func round() async throws -> Duration {
        let hashes = used.withLock { used in
            defer { used = [] }
            return used
        }
        guard !hashes.isEmpty else { return Self.interval }
        do {
            try await database.write { try $0.noteKeyUses(hashes) }
        } catch {
            used.withLock { $0.formUnion(hashes) }
            throw error
        }
        return Self.interval
    }
}
