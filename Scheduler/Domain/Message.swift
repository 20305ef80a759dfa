/// What one member says to another, and nobody else reads (CONTRACT 7).
package struct Message: Sendable, Equatable {
    /// Counted up by the database; newer is larger.
    package var id: Int64
    /// 1–20,000 characters.
    package var content: String
    /// The handle, or the member's id when it has none.
    package var senderHandle: String
    package var recipientHandle: String
    /// Milliseconds since 1970.
    package var createdAt: Int64

    package init(id: Int64, content: String, senderHandle: String, recipientHandle: String, createdAt: Int64) {
        self.id = id
        self.content = content
        self.senderHandle = senderHandle
        self.recipientHandle = recipientHandle
        self.createdAt = createdAt
    }
}
