import Bytes
import Testing

@Suite("Bytes and ids have their text")
struct TextFormTests {
    @Test("hexadecimal is written in lower case and read in either")
    func hex() {
        #expect(Hex.encode([0x00, 0x0F, 0xA5, 0xFF]) == "000fa5ff")
        #expect(Hex.decode("000fA5Ff") == [0x00, 0x0F, 0xA5, 0xFF])
        #expect(Hex.decode("") == [])
        for text in ["0", "0g", " 00", "00 ", "0x00", "é0", "００"] { #expect(Hex.decode(text) == nil) }
        #expect(Hex.isHex("00ff", lengths: 4...4))
        #expect(!Hex.isHex("00f", lengths: 4...4) && !Hex.isHex("00fg", lengths: 1...8))
    }

    @Test(
        "base64 is RFC 4648's",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy"),
        ])
    func base64(text: String, encoded: String) {
        #expect(Base64.encode(Array(text.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(text.utf8))
        let bare = encoded.filter { $0 != "=" }
        #expect(Base64.encodeURL(Array(text.utf8)) == bare)
        #expect(Base64.decodeURL(bare) == Array(text.utf8))
    }

    @Test("loose base64 is refused")
    func strictBase64() {
        #expect(Base64.encode([0xFB, 0xFF]) == "+/8=")
        #expect(Base64.encodeURL([0xFB, 0xFF]) == "-_8")
        for text in ["Zg", "Zg=", "Zh==", "Z", "Zm9v\n", " Zm9v", "Zm9v====", "-_8=", "Zm=v", "Zg==Zg==", "Zm9v\u{0}"] {
            #expect(Base64.decode(text) == nil, "\(text)")
        }
        for text in ["Zg==", "+/8", "Zh", "é"] { #expect(Base64.decodeURL(text) == nil, "\(text)") }
    }

    @Test("every length of bytes round-trips")
    func lengths() {
        for count in 0..<130 {
            let bytes = randomBytes(count)
            #expect(bytes.count == count)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base64.decodeURL(Base64.encodeURL(bytes)) == bytes)
            #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        }
        #expect(randomBytes(-1).isEmpty)
    }

    @Test("an id carries its time, its version and its chance")
    func uuid() {
        let random = (1...10).map { UInt8($0) }
        let text = UUIDv7.text(milliseconds: 0x0188_1234_5678, random: random)
        #expect(text == "01881234-5678-7102-8304-05060708090a")
        #expect(UUIDv7.text(milliseconds: -1, random: []) == "ffffffff-ffff-7000-8000-000000000000")
        let ids = (0..<1_000).map { _ in UUIDv7.text(milliseconds: 1, random: randomBytes(10)) }
        #expect(Set(ids).count == 1_000)
        #expect(ids.allSatisfy(UUIDv7.isUUID))
        #expect(UUIDv7.text(milliseconds: 1, random: random) < UUIDv7.text(milliseconds: 2, random: []))
    }

    @Test("what is no UUID is told apart")
    func isUUID() {
        #expect(UUIDv7.isUUID("01881234-5678-7102-8304-05060708090A"))
        for text in [
            "", "01881234-5678-7102-8304-05060708090", "01881234-5678-7102-8304-05060708090aa",
            "01881234-5678-7102-8304-05060708090g", "018812345678-7102-8304-05060708090a-",
            "01881234-5678-7102-8304_05060708090a", "01881234-5678-7102-8304-0506070809é",
        ] { #expect(!UUIDv7.isUUID(text), "\(text)") }
    }

    @Test("the live world's clocks go on, and its chance differs")
    func world() async throws {
        let world = World.live
        let (now, start) = (world.now(), world.monotonic())
        #expect(RFC3339.range.contains(now) && now > 1_700_000_000_000)
        try await world.sleep(.milliseconds(5))
        #expect(world.monotonic() - start >= 4)
        #expect(world.random(16) != world.random(16))
        #expect(UUIDv7.isUUID(UUIDv7.text(in: world)))
    }

    @Test("text is exactly equal only byte for byte")
    func exactText() {
        #expect("queenbee".isExactly("queenbee"))
        #expect("".isExactly(""))
        #expect(!"K".isExactly("\u{212A}"))
        #expect(!"é".isExactly("e\u{301}"))
        #expect(!"abc".isExactly("abd"))
        #expect("Z".precedesExactly("a") && "\u{FFFF}".precedesExactly("😀") && !"a".precedesExactly("a"))
    }
}
