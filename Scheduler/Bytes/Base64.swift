internal import CSodium

/// RFC 4648, strict: no white space, exact padding, no stray bits.
package enum Base64 {
    /// Standard alphabet, padded.
    package static func encode(_ bytes: [UInt8]) -> String {
        encode(bytes, sodium_base64_VARIANT_ORIGINAL)
    }

    package static func decode(_ text: String) -> [UInt8]? {
        decode(text, sodium_base64_VARIANT_ORIGINAL)
    }

    /// The URL's alphabet, without padding: JSON Web Tokens.
    package static func encodeURL(_ bytes: [UInt8]) -> String {
        encode(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING)
    }

    package static func decodeURL(_ text: String) -> [UInt8]? {
        decode(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING)
    }

    private static func encode(_ bytes: [UInt8], _ variant: Int32) -> String {
        let size = sodium_base64_encoded_len(bytes.count, variant)
        let text = [CChar](unsafeUninitializedCapacity: size) { buffer, filled in
            guard let start = buffer.baseAddress else { return }
            sodium_bin2base64(start, size, bytes, bytes.count, variant)
            // Without the NUL that ends it.
            filled = size - 1
        }
        return text.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    private static func decode(_ text: String, _ variant: Int32) -> [UInt8]? {
        let digits = text.utf8.map { CChar(bitPattern: $0) }
        var isValid = false
        let bytes = [UInt8](unsafeUninitializedCapacity: digits.count) { buffer, filled in
            guard let start = buffer.baseAddress else { return }
            var size = 0
            // Without a place for the end, the library refuses what it could not read to the last digit.
            let status = sodium_base642bin(start, buffer.count, digits, digits.count, nil, &size, nil, variant)
            isValid = status == 0
            filled = isValid ? size : 0
        }
        return isValid || digits.isEmpty ? bytes : nil
    }
}
