internal import Bytes
internal import HTTPTypes

// The words that the nouns of the control plane share.

extension Fields {
    /// Text of so many code points that is not all white space.
    mutating func text(_ key: String, _ lengths: ClosedRange<Int>) throws(FieldError) -> String {
        guard let text = try optionalText(key, lengths) else { throw error(key, .missing) }
        return text
    }

    mutating func optionalText(_ key: String, _ lengths: ClosedRange<Int>) throws(FieldError) -> String? {
        guard let text = try optionalString(key) else { return nil }
        guard lengths.contains(text.unicodeScalars.count) else {
            throw error(key, .outOfRange("\(lengths.lowerBound) to \(lengths.upperBound) characters long"))
        }
        guard lengths.lowerBound == 0 || !text.trimmed.isEmpty else { throw error(key, .invalid("must not be blank")) }
        return text
    }
}

extension Body {
    /// For an operation that needs no words: nothing, or an object without fields.
    func expectNothing() throws {
        guard !isEmpty else { return }
        try fields().end()
    }
}

extension Reply {
    /// HatchFarm's envelope of something new. `path` is below the canonical base.
    static func created(_ path: String, _ data: (inout JSONWriter) -> Void) -> Reply {
        .json(.created) { $0.success(data) }.with(.location, "/api/v1" + path)
    }

    /// HatchFarm's envelope, written as it goes.
    static func data(_ data: (inout JSONWriter) -> Void) -> Reply { .json(.ok) { $0.success(data) } }

    /// A page of a list: one item more than fits tells that there is another page.
    static func list<Item>(
        _ name: String, _ items: [Item], limit: Int, cursor: (Item) -> String,
        write: (Item, inout JSONWriter) -> Void
    ) -> Reply {
        let shown = items.prefix(limit)
        return .data { writer in
            writer.beginObject()
            writer.key(name)
            writer.beginArray()
            for item in shown { write(item, &writer) }
            writer.endArray()
            writer.field("next_cursor", items.count > limit ? shown.last.map { Cursor.encode(cursor($0)) } : nil)
            writer.endObject()
        }
    }
}

extension JSONWriter {
    /// An instant in milliseconds since 1970.
    mutating func field(_ name: String, instant: Int64?) { field(name, instant.map(RFC3339.format)) }

    /// One thing under its noun.
    mutating func object(_ noun: String, _ write: (inout JSONWriter) -> Void) {
        beginObject()
        key(noun)
        write(&self)
        endObject()
    }
}

extension Schema {
    /// An identifier of CONTRACT 5: `wrk_` and 16 hex digits.
    static func identifier(_ prefix: String) -> Schema { .string(pattern: "^\(prefix)_[0-9a-f]{16}$") }

    /// Standard base64 of HMAC-SHA256.
    static let signature = Schema.string(1...128, pattern: "^[A-Za-z0-9+/]+={0,2}$")

    /// HatchFarm's envelope of a page.
    static func list(_ name: String, _ item: Schema) -> Schema {
        .data(.object(.required(name, .array(item)), .required("next_cursor", .nullable(.string()))))
    }
}
