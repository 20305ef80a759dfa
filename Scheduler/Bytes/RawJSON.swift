/// Signatures are verified over the bytes a client sent, never over our rewriting of them (PROMISES 0.8).
package enum RawJSON {
    /// The raw bytes of a member's value in the document's outermost object, without the white space around it.
    /// `nil` when the document is not valid, is no object, or has no such key.
    package static func slice(ofTopLevelKey key: String, in bytes: [UInt8]) -> ArraySlice<UInt8>? {
        guard let found = try? bytes.withUnsafeBytes({ try range(of: key, in: $0) }) else { return nil }
        return bytes[found]
    }

    private static func range(of key: String, in bytes: UnsafeRawBufferPointer) throws(JSONError) -> Range<Int>? {
        // The whole document obeys the usual rules (duplicate keys, for one) before any part of it is believed.
        guard case .object = try JSON(parsing: bytes) else { return nil }
        var parser = JSONParser(bytes, .standard)
        var found: Range<Int>?
        parser.skipSpace()
        try parser.eachMember { parser, name, _ throws(JSONError) in
            let start = parser.at
            _ = try parser.value()
            if name.isExactly(key) { found = start..<parser.at }
        }
        return found
    }
}
