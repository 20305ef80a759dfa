/// A task that people share a list of (CONTRACT 9), and its owner's own, as jobs are.
package struct CollabTask: Sendable, Equatable {
    package var id: CollabTaskID
    /// 1–255 characters.
    package var title: String
    /// At most 1,024 characters.
    package var description: String?
    /// 1 at first, and one more with every change.
    package var version: Int64
    /// Milliseconds since 1970.
    package var createdAt: Int64

    package init(id: CollabTaskID, title: String, description: String?, version: Int64 = 1, createdAt: Int64) {
        self.id = id
        self.title = title
        self.description = description
        self.version = version
        self.createdAt = createdAt
    }

    /// How many tasks one owner may have.
    package static let limit: Int64 = 10_000
}

/// UUIDv7 text, so that the order of ids is the order of creation.
package typealias CollabTaskID = Identifier<Named.CollabTask>

extension Named {
    package enum CollabTask {}
}
