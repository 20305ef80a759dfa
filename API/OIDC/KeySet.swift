internal import Bytes
internal import JWTKit

/// The public keys of an issuer that we can use (RFC 7517). Each is good for one algorithm, by its type: what a token's
/// header says never makes one key into another sort of key.
struct KeySet: Sendable {
    private struct Key: Sendable {
        let id: String?
        let algorithm: String
        let collection: JWTKeyCollection
    }

    private let keys: [Key]

    /// What can't be used is left out: other issuers have other uses for their sets.
    init(_ document: JSON) async throws {
        guard let list = document["keys"]?.array else { throw IssuerFault.unavailable("no set of keys") }
        var keys: [Key] = []
        for json in list.prefix(100) {
            if let key = await Self.key(json) { keys.append(key) }
        }
        self.keys = keys
    }

    func has(_ token: CompactToken) -> Bool { key(for: token) != nil }

    /// Whether the token's signature is by one of the keys.
    func verifies(_ token: CompactToken) async -> Bool {
        guard let key = key(for: token) else { return false }
        do {
            _ = try await key.collection.verify(token.text, as: Signed.self)
            return true
        } catch {
            return false
        }
    }

    /// A token that names no key is by the only one there is for its algorithm.
    private func key(for token: CompactToken) -> Key? {
        let fitting = keys.filter { $0.algorithm == token.algorithm }
        guard token.header["kid"] != nil else { return fitting.count == 1 ? fitting.first : nil }
        guard let id = token.keyID else { return nil }
        return fitting.first { $0.id?.isExactly(id) == true }
    }

    /// Whatever was signed; what it says is read from the token itself.
    private struct Signed: JWTPayload {
        func verify(using algorithm: some JWTAlgorithm) throws {}
    }

    private static func key(_ json: JSON) async -> Key? {
        guard json["use"]?.string ?? "sig" == "sig" else { return nil }
        let algorithm: String
        let names: [String]
        switch json["kty"]?.string {
        case "RSA":
            // 2048 to 8192 bits: weaker ones don't hold, and larger ones only cost time.
            guard let modulus = json["n"]?.string.flatMap(Base64.decodeURL), (256...1_024).contains(modulus.count)
            else { return nil }
            (algorithm, names) = ("RS256", ["kty", "n", "e"])
        case "EC" where json["crv"]?.string == "P-256": (algorithm, names) = ("ES256", ["kty", "crv", "x", "y"])
        default: return nil
        }
        guard json["alg"]?.string ?? algorithm == algorithm else { return nil }
        let members =
            names.compactMap { name in json[name]?.string.map { JSON.Member(name, .string($0)) } }
            + [JSON.Member("alg", .string(algorithm)), JSON.Member("kid", "key")]
        guard let key = try? JWK(json: JSON.object(members).text(.compact)) else { return nil }
        let collection = JWTKeyCollection()
        do {
            // As the only key it is also the one for tokens that name another.
            try await collection.add(jwk: key)
        } catch {
            return nil
        }
        return Key(id: json["kid"]?.string, algorithm: algorithm, collection: collection)
    }
}
