import Bytes
import Testing

@Suite("Digests, signatures and passwords match the published vectors")
struct SodiumTests {
    private func bytes(_ hex: String) throws -> [UInt8] {
        try #require(Hex.decode(hex))
    }

    @Test(
        "SHA-256, whole and in pieces (FIPS 180-4)",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func sha256(text: String, digest: String) {
        #expect(SHA256.hex(text) == digest)
        var hasher = SHA256()
        for byte in text.utf8 { hasher.update([byte]) }
        hasher.update([])
        #expect(Hex.encode(hasher.finish()) == digest)
    }

    @Test("SHA-256 of a million a's")
    func longSHA256() {
        #expect(
            SHA256.hex([UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test("HMAC-SHA-256 (RFC 4231)")
    func hmac() throws {
        let jefe = HMACSHA256.sign(key: "Jefe", message: "what do ya want for nothing?")
        #expect(Hex.encode(jefe) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let long = HMACSHA256.sign(
            key: Array(repeating: 0xAA, count: 131),
            message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8))
        #expect(Hex.encode(long) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
        #expect(HMACSHA256.verify(jefe, key: Array("Jefe".utf8), message: Array("what do ya want for nothing?".utf8)))
        #expect(!HMACSHA256.verify(jefe, key: Array("Jefe".utf8), message: Array("what do ya want".utf8)))
        #expect(!HMACSHA256.verify([], key: [], message: []))
    }

    @Test(
        "Ed25519 (RFC 8032)",
        arguments: [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                    + "d25bf5f0595bbe24655141438e7a100b"
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
                    + "387b2eaeb4302aeeb00d291612bb0c00"
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
                    + "4a7c15e9716ed28dc027beceea1ec40a"
            ),
        ])
    func ed25519(seed: String, key: String, message: String, signature: String) throws {
        let (seed, key) = (try bytes(seed), try bytes(key))
        let (message, signature) = (try bytes(message), try bytes(signature))
        #expect(Ed25519.publicKey(seed: seed) == key)
        #expect(Ed25519.sign(message, seed: seed) == signature)
        #expect(Ed25519.verify(signature: signature, message: message, publicKey: key))
        #expect(!Ed25519.verify(signature: signature, message: message + [0], publicKey: key))
        for at in [0, 31, 32, 63] {
            var forged = signature
            forged[at] ^= 1
            #expect(!Ed25519.verify(signature: forged, message: message, publicKey: key))
        }
    }

    @Test("a signature whose scalar has the group's order added is refused")
    func malleable() throws {
        let seed = [UInt8](repeating: 7, count: 32)
        let key = try #require(Ed25519.publicKey(seed: seed))
        var signature = try #require(Ed25519.sign([1], seed: seed))
        let order = try bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        var carry = 0
        for index in 0..<32 {
            let sum = Int(signature[32 + index]) + Int(order[index]) + carry
            signature[32 + index] = UInt8(sum & 0xFF)
            carry = sum >> 8
        }
        #expect(!Ed25519.verify(signature: signature, message: [1], publicKey: key))
    }

    @Test("a key of small order, which would sign everything, is refused")
    func smallOrder() {
        let identity = [1] + [UInt8](repeating: 0, count: 31)
        let signature = identity + [UInt8](repeating: 0, count: 32)
        for message in [[], [1], [2, 3]] as [[UInt8]] {
            #expect(!Ed25519.verify(signature: signature, message: message, publicKey: identity))
        }
    }

    @Test("keys and signatures of a wrong length are refused")
    func lengths() {
        for count in [0, 31, 33, 63, 65] {
            let bytes = [UInt8](repeating: 1, count: count)
            #expect(!Ed25519.verify(signature: bytes, message: [], publicKey: bytes))
            #expect(Ed25519.publicKey(seed: bytes) == nil)
            #expect(Ed25519.sign([], seed: bytes) == nil)
        }
    }

    @Test("a password is known by its hash, and by no other's")
    func passwords() throws {
        let hash = try Argon2id.hash("pässword\u{0}tail")
        #expect(hash.hasPrefix("$argon2id$v=19$"))
        #expect(Argon2id.verify("pässword\u{0}tail", against: hash))
        #expect(!Argon2id.verify("pässword", against: hash))
        #expect(!Argon2id.verify("", against: hash))
        for other in ["", "$argon2id$", "plain", String(hash.dropLast()), hash + "x", hash + "\u{0}"] {
            #expect(!Argon2id.verify("pässword\u{0}tail", against: other))
        }
    }

    @Test("equality in constant time is equality")
    func constantTime() {
        #expect(constantTimeEqual([], []))
        #expect(constantTimeEqual("secret", "secret"))
        #expect(!constantTimeEqual("secret", "secreT"))
        #expect(!constantTimeEqual("secret", "secret "))
        #expect(!constantTimeEqual("K", "\u{212A}"))
    }
}
