internal import CSodium

/// SHA-256, whole or piece by piece.
package struct SHA256: Sendable {
    private var state = crypto_hash_sha256_state()

    package init() {
        Sodium.ready
        crypto_hash_sha256_init(&state)
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        crypto_hash_sha256_update(&state, start, UInt64(bytes.count))
    }

    package mutating func update(_ bytes: some Sequence<UInt8>) {
        let whole: Void? = bytes.withContiguousStorageIfAvailable { update(UnsafeRawBufferPointer($0)) }
        if whole == nil { Array(bytes).withUnsafeBytes { update($0) } }
    }

    /// 32 bytes. The hasher is used up.
    package consuming func finish() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        crypto_hash_sha256_final(&state, &digest)
        return digest
    }

    /// 32 bytes.
    package static func hash(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(bytes)
        return hasher.finish()
    }

    package static func hash(_ text: String) -> [UInt8] {
        hash(text.utf8)
    }

    /// 64 lower-case digits.
    package static func hex(_ bytes: some Sequence<UInt8>) -> String {
        Hex.encode(hash(bytes))
    }

    package static func hex(_ text: String) -> String {
        hex(text.utf8)
    }
}

package enum HMACSHA256 {
    /// 32 bytes; a key of any length.
    package static func sign(key: [UInt8], message: [UInt8]) -> [UInt8] {
        Sodium.ready
        var state = crypto_auth_hmacsha256_state()
        var tag = [UInt8](repeating: 0, count: 32)
        crypto_auth_hmacsha256_init(&state, key, key.count)
        crypto_auth_hmacsha256_update(&state, message, UInt64(message.count))
        crypto_auth_hmacsha256_final(&state, &tag)
        return tag
    }

    package static func sign(key: String, message: String) -> [UInt8] {
        sign(key: Array(key.utf8), message: Array(message.utf8))
    }

    package static func verify(_ tag: [UInt8], key: [UInt8], message: [UInt8]) -> Bool {
        constantTimeEqual(tag, sign(key: key, message: message))
    }
}
