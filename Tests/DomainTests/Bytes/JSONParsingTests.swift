import Bytes
import Testing

@Suite("JSON is parsed strictly")
struct JSONParsingTests {
    @Test(
        "every form of value is taken",
        arguments: [
            ("null", .null), (" true ", true), ("false\n", false), ("0", 0), ("-0", .number("-0")), ("[]", []),
            ("{}", [:]), (#""""#, ""), ("[1,2 , 3]", [1, 2, 3]), (#"{"a":{"b":[null]}}"#, ["a": ["b": [.null]]]),
            ("1E+2", .number("1E+2")), ("0.70", .number("0.70")), ("-1.5e-05", .number("-1.5e-05")),
            (#""é😀\u00e9\ud83d\ude00""#, "é😀é😀"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
            (#""a longer text with a \" after the first words""#, "a longer text with a \" after the first words"),
            ("\"\u{7F}\u{FFFE}\u{10FFFF}\"", "\u{7F}\u{FFFE}\u{10FFFF}"), ("\t[\r\n]", []),
            (#"{"K":1,"\u212A":2,"é":3,"e\u0301":4}"#, ["K": 1, "\u{212A}": 2, "é": 3, "e\u{301}": 4]),
        ] as [(String, JSON)])
    func accepts(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
    }

    @Test(
        "what the grammar does not allow is refused, and why",
        arguments: [
            ("", .truncated), (" ", .truncated), ("nul", .truncated), ("nulL", .unexpectedByte),
            ("True", .unexpectedByte), ("NaN", .unexpectedByte), ("Infinity", .unexpectedByte),
            ("'a'", .unexpectedByte),
            ("01", .invalidNumber), ("-01", .invalidNumber), ("-", .truncated), ("1.", .truncated),
            ("1.e1", .invalidNumber), ("1e", .truncated), ("1e+]", .invalidNumber), ("+1", .unexpectedByte),
            (".5", .unexpectedByte), ("0x10", .trailingData), ("1 2", .trailingData), ("{}}", .trailingData),
            ("[1,]", .unexpectedByte), ("[,1]", .unexpectedByte), ("[1 2]", .unexpectedByte), ("[1", .truncated),
            ("{\"a\"}", .unexpectedByte), ("{\"a\":}", .unexpectedByte), ("{\"a\":1,}", .unexpectedByte),
            ("{a:1}", .unexpectedByte), ("{1:1}", .unexpectedByte), ("{\"a\":1", .truncated), ("]", .unexpectedByte),
            ("\"a", .truncated), (#""\x""#, .invalidEscape), (#""\u12G4""#, .invalidEscape), (#""\u12"#, .truncated),
            ("\"\u{1}\"", .controlCharacter), ("\"a\nb\"", .controlCharacter), ("\"\u{0}\"", .nul),
            (#""\u0000""#, .nul), (#""queenbee\u0000x""#, .nul), (#""\ud800""#, .loneSurrogate),
            (#""\udc00""#, .loneSurrogate), (#""\ud800\u0041""#, .loneSurrogate), (#""\ud800\ud800""#, .loneSurrogate),
            (#""\ud800x""#, .loneSurrogate), ("\u{FEFF}1", .unexpectedByte), ("1\u{0}", .trailingData),
            ("// c\n1", .unexpectedByte), ("\u{A0}1", .unexpectedByte), (#"{"a":1,"a":2}"#, .duplicateKey),
            (#"{"a":1,"\u0061":2}"#, .duplicateKey), (#"[{"a":{"b":1,"b":1}}]"#, .duplicateKey),
        ] as [(String, JSONError.Problem)])
    func refuses(text: String, problem: JSONError.Problem) {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
        #expect(error?.problem == problem)
    }

    @Test(
        "malformed UTF-8 is refused, in keys, texts and beside escapes",
        arguments: [
            [0x80], [0xC3], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xE2, 0x82],
            [0xC3, 0x5C, 0x6E], [0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0xF8],
        ] as [[UInt8]])
    func refusesMalformedUTF8(bytes: [UInt8]) {
        let quoted = Array("\"".utf8) + bytes + Array("\"".utf8)
        let asKey = Array("{".utf8) + quoted + Array(":1}".utf8)
        for document in [quoted, asKey, Array("\"\\n".utf8) + quoted.dropFirst()] {
            let error = #expect(throws: JSONError.self) { try JSON(parsing: document) }
            #expect(error?.problem == .invalidUTF8)
        }
    }

    @Test("a document cut anywhere is refused")
    func truncatedEverywhere() throws {
        let text = #"{"title":"jöb \ud83d\ude00 \n","n":[-1.25e+10,true,false,null,{}],"o":{"a":"bcdefghijklmnop"}}"#
        let bytes = Array(text.utf8)
        _ = try JSON(parsing: bytes)
        for count in 0..<bytes.count {
            #expect(throws: JSONError.self, "the first \(count) bytes") { try JSON(parsing: bytes[..<count]) }
        }
    }

    @Test("the depth is bounded, and ten million brackets are refused as quietly as thirty-three")
    func depth() throws {
        func nested(_ count: Int) -> [UInt8] {
            Array(repeating: UInt8(ascii: "["), count: count) + Array(repeating: UInt8(ascii: "]"), count: count)
        }
        _ = try JSON(parsing: nested(32))
        for count in [33, 10_000_000] {
            let error = #expect(throws: JSONError.self) { try JSON(parsing: nested(count)) }
            #expect(error?.problem == .tooDeep)
            #expect(error?.offset == 32)
        }
        _ = try JSON(parsing: nested(100), limits: JSONLimits(depth: 100))
        let siblings = "[" + Array(repeating: "[{}]", count: 100).joined(separator: ",") + "]"
        _ = try JSON(parsing: siblings, limits: JSONLimits(depth: 3))
    }

    @Test("the keys of one object are bounded, and one repeated among many is found")
    func keys() throws {
        func object(_ keys: [String]) -> String {
            "{" + keys.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        }
        let thousand = (0..<1_000).map { "k\($0)" }
        #expect(try JSON(parsing: object(thousand)).members?.count == 1_000)
        let error = #expect(throws: JSONError.self) { try JSON(parsing: object(thousand + ["more"])) }
        #expect(error?.problem == .tooManyKeys)
        for repeated in [0, 15, 16, 17, 500, 998] {
            let keys = thousand.dropLast() + ["k\(repeated)"]
            let error = #expect(throws: JSONError.self) { try JSON(parsing: object(Array(keys))) }
            #expect(error?.problem == .duplicateKey)
        }
    }

    @Test("an error says where, and nothing of what was sent")
    func message() {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: #"{"secret":1,"secret":2}"#) }
        #expect(error?.message == "invalid JSON at byte 12: duplicate key")
    }

    @Test("a slice and a borrowed buffer are parsed as the whole array is")
    func inputs() throws {
        let bytes = Array("xx[1]yy".utf8)
        #expect(try JSON(parsing: bytes[2..<5]) == [1])
        try bytes.withUnsafeBytes { buffer in
            let value = try JSON(parsing: UnsafeRawBufferPointer(rebasing: buffer[2..<5]))
            #expect(value == [1])
        }
        #expect(throws: JSONError.self) { try JSON(parsing: UnsafeRawBufferPointer(start: nil, count: 0)) }
    }
}

@Suite("A JSON value answers for what it is")
struct JSONValueTests {
    @Test("only an exact integer within 64 bits is one")
    func integers() throws {
        let exact: [(String, Int64)] = [
            ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min),
        ]
        for (token, value) in exact { #expect(JSON.number(token).int == value) }
        let long = String(repeating: "9", count: 5_000)
        for token in ["1.0", "1e3", "9223372036854775808", "-9223372036854775809", long] {
            #expect(JSON.number(token).int == nil)
        }
        #expect(JSON.string("1").int == nil)
    }

    @Test("only a finite number is a double")
    func doubles() {
        #expect(JSON.number("1e-05").double == 0.00001)
        #expect(JSON.number("-2").double == -2)
        #expect(JSON.number("1e400").double == nil)
        #expect(JSON.number("-" + String(repeating: "9", count: 5_000)).double == nil)
        #expect(JSON(Double.nan).isNull && JSON(Double.infinity).isNull)
    }

    @Test("keys and texts are equal only byte for byte")
    func exactness() {
        let object: JSON = ["\u{212A}": 1, "é": 2]
        #expect(object["K"] == nil)
        #expect(object["e\u{301}"] == nil)
        #expect(object["é"] == 2)
        #expect(JSON.string("é") != JSON.string("e\u{301}"))
        #expect(["\u{212A}": 1] as JSON != ["K": 1] as JSON)
    }

    @Test("asking for another type is nil")
    func otherTypes() {
        let values: [JSON] = [.null, true, 1, "a", [], [:]]
        #expect(values.map { $0.bool != nil } == [false, true, false, false, false, false])
        #expect(values.map { $0.int != nil } == [false, false, true, false, false, false])
        #expect(values.map { $0.string != nil } == [false, false, false, true, false, false])
        #expect(values.map { $0.array != nil } == [false, false, false, false, true, false])
        #expect(values.map { $0.members != nil } == [false, false, false, false, false, true])
        #expect(values.map { $0["a"] == nil } == Array(repeating: true, count: 6))
    }
}
