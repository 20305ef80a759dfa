internal import CSodium

package enum Ed25519 {
    /// Refuses malleable signatures and keys of small order (PROMISES 3.4). Any length may be passed.
    package static func verify(signature: [UInt8], message: [UInt8], publicKey: [UInt8]) -> Bool {
        Sodium.ready
        guard signature.count == 64, publicKey.count == 32 else { return false }
        return crypto_sign_verify_detached(signature, message, UInt64(message.count), publicKey) == 0
    }

    /// 64 bytes, by the key that grows from a seed of 32 bytes; `nil` for a seed of another length.
    package static func sign(_ message: [UInt8], seed: [UInt8]) -> [UInt8]? {
        guard let keys = keys(seed) else { return nil }
        var signature = [UInt8](repeating: 0, count: 64)
        crypto_sign_detached(&signature, nil, message, UInt64(message.count), keys.secret)
        return signature
    }

    /// 32 bytes; `nil` for a seed that is not 32 bytes.
    package static func publicKey(seed: [UInt8]) -> [UInt8]? {
        keys(seed)?.public
    }

    private static func keys(_ seed: [UInt8]) -> (public: [UInt8], secret: [UInt8])? {
        Sodium.ready
        guard seed.count == 32 else { return nil }
        var publicKey = [UInt8](repeating: 0, count: 32)
        var secretKey = [UInt8](repeating: 0, count: 64)
        crypto_sign_seed_keypair(&publicKey, &secretKey, seed)
        return (publicKey, secretKey)
    }
}

/// Passwords. About 64 MiB and a tenth of a second each: the caller bounds how many run at once.
package enum Argon2id {
    package struct OutOfMemory: Error {}

    /// The PHC text `$argon2id$…`, with its salt and costs.
    package static func hash(_ password: String) throws(OutOfMemory) -> String {
        Sodium.ready
        var text = [CChar](repeating: 0, count: Int(crypto_pwhash_strbytes()))
        let bytes = password.utf8.map { CChar(bitPattern: $0) }
        let status = crypto_pwhash_str(
            &text, bytes, UInt64(bytes.count),
            UInt64(crypto_pwhash_opslimit_interactive()), crypto_pwhash_memlimit_interactive())
        guard status == 0 else { throw OutOfMemory() }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// False also for text that is no such hash.
    package static func verify(_ password: String, against hash: String) -> Bool {
        Sodium.ready
        let bytes = password.utf8.map { CChar(bitPattern: $0) }
        let isWhole = hash.utf8.count < Int(crypto_pwhash_strbytes()) && !hash.utf8.contains(0)
        guard isWhole, hash.hasPrefix("$argon2id$") else { return false }
        return crypto_pwhash_str_verify(hash, bytes, UInt64(bytes.count)) == 0
    }
}
