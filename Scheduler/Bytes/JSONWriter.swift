/// Writes compact JSON as it goes, without a tree: for hot replies. Commas are its business, nesting is the caller's.
@usableFromInline
package struct JSONWriter: Sendable {
    @usableFromInline package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    @usableFromInline package init(capacity: Int = 256) {
        bytes.reserveCapacity(max(0, capacity))
    }

    /// The name of a member, escaped once.
    @usableFromInline package struct Key: Sendable {
        fileprivate let bytes: [UInt8]

        @usableFromInline package init(_ name: String) { bytes = JSON.string(name).bytes() + [UInt8(ascii: ":")] }
    }

    @usableFromInline package mutating func beginObject() {
        open(UInt8(ascii: "{"))
    }

    @usableFromInline package mutating func endObject() {
        close(UInt8(ascii: "}"))
    }

    @usableFromInline package mutating func beginArray() {
        open(UInt8(ascii: "["))
    }

    @usableFromInline package mutating func endArray() {
        close(UInt8(ascii: "]"))
    }

    package mutating func key(_ name: String) {
        separate()
        JSONText.append(name, to: &bytes, .compact)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    @usableFromInline package mutating func key(_ key: Key) {
        separate()
        bytes.append(contentsOf: key.bytes)
        needsComma = false
    }

    package mutating func string(_ text: String) {
        separate()
        JSONText.append(text, to: &bytes, .compact)
    }

    package mutating func int(_ value: Int64) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
    }

    package mutating func int(_ value: Int) {
        int(Int64(value))
    }

    /// `null` when it is not finite.
    package mutating func double(_ value: Double) {
        json(JSON(value))
    }

    package mutating func bool(_ value: Bool) {
        separate()
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    @usableFromInline package mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    package mutating func json(_ value: JSON) {
        separate()
        value.append(to: &bytes, .compact)
    }

    /// One whole value that is JSON already.
    @usableFromInline package mutating func raw(_ value: [UInt8]) {
        separate()
        bytes.append(contentsOf: value)
    }

    /// One whole value that is JSON already.
    @usableFromInline package mutating func raw(_ value: String) {
        separate()
        bytes.append(contentsOf: value.utf8)
    }

    private mutating func open(_ byte: UInt8) {
        separate()
        bytes.append(byte)
        needsComma = false
    }

    private mutating func close(_ byte: UInt8) {
        bytes.append(byte)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }
}

/// A key and its value at once; `nil` is written as `null`.
extension JSONWriter {
    package mutating func field(_ name: String, _ value: String?) {
        key(name)
        if let value { string(value) } else { null() }
    }

    package mutating func field(_ name: String, _ value: Int64?) {
        key(name)
        if let value { int(value) } else { null() }
    }

    package mutating func field(_ name: String, _ value: Int?) {
        field(name, value.map(Int64.init))
    }

    package mutating func field(_ name: String, _ value: Bool?) {
        key(name)
        if let value { bool(value) } else { null() }
    }

    package mutating func field(_ name: String, _ value: JSON) {
        key(name)
        json(value)
    }
}
