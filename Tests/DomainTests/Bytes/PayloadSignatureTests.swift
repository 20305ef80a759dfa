import Bytes
import Testing

@Suite("What small devices sign is found again, to the byte")
struct PayloadSignatureTests {
    private static let seed = (0..<32).map { UInt8($0) }
    private static let hash = "0123456789abcdef"
    private static let payload = """
        {"b": 0.70, "a": 1.0, "deep": {"z": [1e-05, null, true], "y": "(◉‿◉) 😀 \\u007f\\n\\/"}}
        """
    /// As Python 3 writes them: `json.dumps(payload, sort_keys=True)`, and the same of the whole.
    private static let dumped = #"""
        {"a": 1.0, "b": 0.70, "deep": {"y": "(\u25c9\u203f\u25c9) \ud83d\ude00 \u007f\n/", "z": [1e-05, null, true]}}
        """#
    private static let stringified =
        #"{"b":0.70,"a":1.0,"deep":{"z":[1e-05,null,true],"y":"(◉‿◉) 😀 "# + "\u{7F}" + #"\n/"}}"#

    private func signature(_ payload: String = payload, nonce: String? = nil) throws -> PayloadSignature {
        PayloadSignature(
            payload: try JSON(parsing: payload), timestamp: 1_699_999_999, hardwareHash: Self.hash, nonce: nonce)
    }

    @Test("each form is written as its client writes it")
    func forms() throws {
        let tail = "1699999999" + Self.hash
        #expect(try signature().message(.stringified) == Array((Self.stringified + tail).utf8))
        #expect(try signature().message(.dumped) == Array((Self.dumped + tail).utf8))
        let whole = #"{"hardware_hash": "\#(Self.hash)", "payload": \#(Self.dumped), "timestamp": 1699999999}"#
        #expect(try signature().message(.whole) == Array(whole.utf8))
        let withNonce = whole.replacing(#", "payload""#, with: #", "nonce": "ff", "payload""#)
        #expect(try signature(nonce: "ff").message(.whole) == Array(withNonce.utf8))
    }

    @Test("a signature over any form holds, whichever is tried first, and over nothing else")
    func verifies() throws {
        let key = try #require(Ed25519.publicKey(seed: Self.seed))
        let good = try signature()
        for form in PayloadSignature.Form.allCases {
            let tag = try #require(Ed25519.sign(good.message(form), seed: Self.seed))
            for isSpaced in [true, false] {
                #expect(good.signed(tag, by: key, isSpaced: isSpaced) == good.message(form))
                for other in [
                    Self.payload.replacing("0.70", with: "0.7"), Self.payload.replacing("1.0", with: "1"),
                    Self.payload.replacing("1e-05", with: "1e-5"), Self.payload.replacing("null", with: "false"),
                ] {
                    #expect(try signature(other).signed(tag, by: key, isSpaced: isSpaced) == nil, "\(other)")
                }
            }
            for place in tag.indices {
                var altered = tag
                altered[place] ^= 0x10
                #expect(good.signed(altered, by: key, isSpaced: true) == nil, "byte \(place)")
            }
        }
    }

    @Test("no digit moves between the payload, the time and the hash")
    func digits() throws {
        let key = try #require(Ed25519.publicKey(seed: Self.seed))
        func forms(_ payload: String, _ timestamp: Int64, _ hash: String) throws -> PayloadSignature {
            PayloadSignature(
                payload: try JSON(parsing: payload), timestamp: timestamp, hardwareHash: hash, nonce: nil)
        }
        let good = try forms(#"{"a":1}"#, 1_699_999_999, "1123456789abcdef0")
        let tag = try #require(Ed25519.sign(good.message(.stringified), seed: Self.seed))
        // The same bytes, but for the bounds of the timestamp (`SignedBody`): ten digits, and so one way to read them.
        let moved = try forms(#"{"a":1}"#, 16_999_999_991, "123456789abcdef0")
        #expect(moved.message(.stringified) == good.message(.stringified))
        #expect(try forms(#"{"a":1}"#, 1_699_999_999, "123456789abcdef0").signed(tag, by: key, isSpaced: false) == nil)
        #expect(
            try forms(#"{"a":11}"#, 1_699_999_999, "1123456789abcdef0").signed(tag, by: key, isSpaced: false) == nil)
    }
}
