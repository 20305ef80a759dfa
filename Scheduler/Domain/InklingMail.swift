/// What a device tells everybody.
package struct Dream: Sendable, Equatable {
    /// UUIDv7 text: the order of ids is the order of creation.
    package var id: String
    package var author: InklingKey
    package var authorName: String
    package var content: String
    package var mood: String?
    package var face: String?
    /// How often it was shown.
    package var fishCount: Int64
    package var createdAt: Int64

    package init(
        id: String, author: InklingKey, authorName: String, content: String, mood: String?, face: String?,
        fishCount: Int64, createdAt: Int64
    ) {
        self.id = id
        self.author = author
        self.authorName = authorName
        self.content = content
        self.mood = mood
        self.face = face
        self.fishCount = fishCount
        self.createdAt = createdAt
    }
}

/// What one device tells another; nobody else can read it.
package struct Telegram: Sendable, Equatable {
    /// UUIDv7 text.
    package var id: String
    /// Of the mail of its recipient; grows by one.
    package var position: Int64
    package var sender: InklingKey
    package var senderName: String
    package var content: String
    package var contentNonce: String
    package var senderEncryptionKey: String?
    package var readAt: Int64?
    package var createdAt: Int64

    package init(
        id: String, position: Int64, sender: InklingKey, senderName: String, content: String, contentNonce: String,
        senderEncryptionKey: String?, readAt: Int64?, createdAt: Int64
    ) {
        self.id = id
        self.position = position
        self.sender = sender
        self.senderName = senderName
        self.content = content
        self.contentNonce = contentNonce
        self.senderEncryptionKey = senderEncryptionKey
        self.readAt = readAt
        self.createdAt = createdAt
    }
}

/// A drawing of black and white pixels, for one device or for all.
package struct Postcard: Sendable, Equatable {
    /// UUIDv7 text.
    package var id: String
    /// Of the mail of its recipient; nil when it is for all.
    package var position: Int64?
    package var sender: InklingKey
    package var senderName: String
    package var recipient: InklingKey?
    package var imageData: String
    package var width: Int64
    package var height: Int64
    package var caption: String?
    package var createdAt: Int64

    package init(
        id: String, position: Int64?, sender: InklingKey, senderName: String, recipient: InklingKey?,
        imageData: String, width: Int64, height: Int64, caption: String?, createdAt: Int64
    ) {
        self.id = id
        self.position = position
        self.sender = sender
        self.senderName = senderName
        self.recipient = recipient
        self.imageData = imageData
        self.width = width
        self.height = height
        self.caption = caption
        self.createdAt = createdAt
    }

    /// Bounds of an e-ink display, in pixels.
    package static let widths: ClosedRange<Int64> = 1...250
    package static let heights: ClosedRange<Int64> = 1...122

    /// The bytes that its bitmap may have, one bit a pixel: each row from a byte of its own, or all bits in one row.
    /// For sizes within the bounds.
    package static func bytes(width: Int64, height: Int64) -> [Int] {
        [Int((width + 7) / 8 * height), Int((width * height + 7) / 8)]
    }
}

/// A telegram or a postcard, as it is told to its recipient's sockets.
package enum InklingMail: Sendable {
    case telegram(Telegram)
    case postcard(Postcard)

    package var position: Int64 {
        switch self {
        case .telegram(let telegram): telegram.position
        case .postcard(let postcard): postcard.position ?? 0
        }
    }
}

package enum InklingTopic {
    /// There is mail for the device, or it is banned.
    package static func mail(_ key: InklingKey) -> String { "inkling:\(key.text)" }
}
