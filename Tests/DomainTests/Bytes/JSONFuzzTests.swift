import Bytes
import Testing

/// The same numbers from the same seed.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func below(_ bound: Int) -> Int {
        Int.random(in: 0..<bound, using: &self)
    }
}

@Suite("The parser survives whatever it is given")
struct JSONFuzzTests {
    private static let seedDocument = Array(
        #"{"a":[1,-2.5e+3,true,null,"\ud83d\ude00é\n"],"b":{"c":"plain ascii text","d":""},"e":[[],{}]}"#.utf8)
    private static let alphabet: [UInt8] =
        Array(#"{}[]:,"\u0123eE+-. tfn"#.utf8) + [0x00, 0x1F, 0x7F, 0x80, 0xC3, 0xE2, 0xED, 0xFF]

    @Test("random bytes never trap, and what is accepted round-trips", arguments: [1, 2, 3, 4] as [UInt64])
    func randomBytes(seed: UInt64) throws {
        var dice = Dice(state: seed)
        for _ in 0..<2_500 {
            let bytes = (0..<dice.below(40)).map { _ in Self.alphabet[dice.below(Self.alphabet.count)] }
            try check(bytes)
        }
    }

    @Test("a document with a few bytes changed never traps", arguments: [5, 6, 7, 8] as [UInt64])
    func mutations(seed: UInt64) throws {
        var dice = Dice(state: seed)
        for _ in 0..<1_500 {
            var bytes = Self.seedDocument
            for _ in 0...dice.below(3) {
                let at = dice.below(bytes.count)
                switch dice.below(4) {
                case 0: bytes[at] = UInt8(truncatingIfNeeded: dice.next())
                case 1: bytes[at] = Self.alphabet[dice.below(Self.alphabet.count)]
                case 2: bytes.remove(at: at)
                default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + dice.below(8))], at: at)
                }
            }
            try check(bytes)
        }
    }

    @Test("whatever value is written, in any style, is read back", arguments: [9, 10] as [UInt64])
    func values(seed: UInt64) throws {
        var dice = Dice(state: seed)
        for _ in 0..<2_000 {
            let value = Self.value(&dice, depth: 0)
            #expect(try JSON(parsing: value.bytes(.compact)) == value)
            for style in [JSONStyle.canonical, .sortedCompact] {
                let bytes = value.bytes(style)
                let again = try JSON(parsing: bytes)
                #expect(again.bytes(style) == bytes)
                #expect(again.bytes(.canonical) == value.bytes(.canonical))
            }
            #expect(value.bytes(.canonical).allSatisfy { 0x20..<0x7F ~= $0 })
        }
    }

    private func check(_ bytes: [UInt8]) throws {
        _ = RawJSON.slice(ofTopLevelKey: "a", in: bytes)
        do throws(JSONError) {
            let value = try JSON(parsing: bytes)
            let again = try JSON(parsing: value.bytes(.compact))
            if again != value { Issue.record("\(bytes) became \(again)") }
        } catch {
            if !(0...bytes.count ~= error.offset) { Issue.record("\(bytes): \(error)") }
        }
    }

    private static func value(_ dice: inout Dice, depth: Int) -> JSON {
        switch dice.below(depth > 2 ? 4 : 6) {
        case 0: return [.null, true, false][dice.below(3)]
        case 1: return JSON(Int64(bitPattern: dice.next()))
        case 2: return JSON(Double(bitPattern: dice.next()))
        case 3: return .string(text(&dice))
        case 4: return .array((0..<dice.below(5)).map { _ in value(&dice, depth: depth + 1) })
        default:
            let members = (0..<dice.below(20)).map { index in
                JSON.Member(text(&dice) + "\(index)", value(&dice, depth: depth + 1))
            }
            return .object(members)
        }
    }

    private static func text(_ dice: inout Dice) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<dice.below(20) {
            let bound = [0x80, 0x800, 0x3000, 0x110000][dice.below(4)]
            if let scalar = Unicode.Scalar(UInt32(1 + dice.below(bound - 1))) { text.append(scalar) }
        }
        return String(text)
    }
}
