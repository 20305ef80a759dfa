internal import CSodium

/// Argon2id by libsodium, at its interactive limits: two passes over 64 MiB, some 50 ms of one core. Never on an event
/// loop.
package enum Password {
    /// UTF-8 bytes that a password may have at most.
    package static let longest = 1_024

    /// With a salt of its own, and the limits it was made with. nil when there is no memory to be had.
    package static func hash(_ password: String) -> String? {
        Sodium.ready
        var text = [CChar](repeating: 0, count: Int(crypto_pwhash_STRBYTES))
        let bytes = password.utf8.map { CChar(bitPattern: $0) }
        let status = crypto_pwhash_str(
            &text, bytes, UInt64(bytes.count), UInt64(crypto_pwhash_OPSLIMIT_INTERACTIVE),
            Int(crypto_pwhash_MEMLIMIT_INTERACTIVE))
        guard status == 0 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether `password` is the one that `hash` was made of. False for a hash that is none.
    package static func verify(_ password: String, against hash: String) -> Bool {
        Sodium.ready
        var text = hash.utf8.map { CChar(bitPattern: $0) }
        guard text.count < Int(crypto_pwhash_STRBYTES) else { return false }
        // The library reads all of its fixed size.
        text += [CChar](repeating: 0, count: Int(crypto_pwhash_STRBYTES) - text.count)
        let bytes = password.utf8.map { CChar(bitPattern: $0) }
        return crypto_pwhash_str_verify(text, bytes, UInt64(bytes.count)) == 0
    }

    /// The hash of a password that nobody knows, made at the same limits: verifying against it takes as long as against
    /// another, so that time doesn't tell whether there is such a user.
    package static let ofNobody =
        "$argon2id$v=19$m=65536,t=2,p=1$SGF0Y2hGYXJtTm9ib2R5Lg$Tm9ib2R5IGhhcyB0aGlzIGhhc2ggYXMgYSBkaWdlc3Q"
}
