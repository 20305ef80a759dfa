import Domain
import Testing

@Suite("Names")
struct NameTests {
    @Test(
        "a handle is trimmed and lowercased",
        arguments: [
            ("maya", "maya"), ("  Maya_7 ", "maya_7"), ("\tA-B-C\t", "a-b-c"), ("abc", "abc"),
            (String(repeating: "z", count: 30), String(repeating: "z", count: 30)),
        ])
    func handles(text: String, handle: String) {
        #expect(Handles.normalised(text) == handle)
    }

    @Test(
        "what is no handle",
        arguments: [
            "", "  ", "ab", String(repeating: "z", count: 31), "a b", "a.b.c", "bébé", "abc\u{0}", "ab\u{301}c",
            "ａｂｃ", "abc\n", "queenbee", "QueenBee", " admin ", "system", "operator", "null", "İstanbul",
            // Letters that look like, fold to or hide in a reserved word.
            "ｑｕｅｅｎｂｅｅ", "queen\u{200B}bee", "queen\u{AD}bee", "queenbee\u{FE0F}", "\u{202E}queenbee", "quееnbee",
            "ſystem", "syﬆem", "adm\u{131}n", "ADM\u{130}N", "𝐚𝐝𝐦𝐢𝐧", "ⓝⓤⓛⓛ", "\u{A0}admin", "admin\u{3000}",
            "\u{FEFF}null", "que\u{301}enbee", "QUEENBEE\t",
        ])
    func refused(text: String) {
        #expect(Handles.normalised(text) == nil)
    }

    @Test(
        "who may own", arguments: ["a", "user@example.com", "A.b_c:d-9", String(repeating: "x", count: 128)])
    func owners(text: String) {
        #expect(OwnerID.isValid(text))
    }

    @Test(
        "who may not",
        arguments: ["", " ", "a b", "a/b", "a\u{0}", "é", "\u{212A}", String(repeating: "x", count: 129), "a\n", "a|b"])
    func noOwners(text: String) {
        #expect(!OwnerID.isValid(text))
    }

    @Test("a random id is its prefix and sixteen digits, and doesn't repeat")
    func ids() {
        var chance = SeededChance(seed: 1)
        let ids = (0..<10_000).map { _ in MachineID.random(prefix: "wrk_", using: &chance).text }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0.utf8.count == 20 && $0.hasPrefix("wrk_") })
        #expect(ids.allSatisfy { $0.dropFirst(4).allSatisfy { $0.isHexDigit && !$0.isUppercase } })
    }

    @Test("isolation is ordered, and its rank comes back")
    func isolation() {
        #expect(Isolation.none < .sandbox && .sandbox < .vm)
        #expect(Isolation.allCases.allSatisfy { Isolation(rank: $0.rank) == $0 })
        #expect(Isolation(rank: 3) == nil)
        #expect(Isolation(rank: -1) == nil)
    }
}
