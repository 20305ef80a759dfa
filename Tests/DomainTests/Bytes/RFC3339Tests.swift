import Bytes
import Testing

@Suite("Instants are read and written as RFC 3339")
struct RFC3339Tests {
    @Test(
        "an instant on the calendar is read",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1), ("1969-12-31T23:59:59.999Z", -1),
            ("2026-11-21T07:38:44.123Z", 1_795_246_724_123), ("2026-11-21t07:38:44.123z", 1_795_246_724_123),
            ("2026-11-21T08:38:44.123+01:00", 1_795_246_724_123), ("2026-11-20T22:08:44.123-09:30", 1_795_246_724_123),
            ("2026-11-21T07:38:44.1239999999999999999999Z", 1_795_246_724_123),
            ("2026-11-21T07:38:44.1Z", 1_795_246_724_100), ("1970-01-01T00:00:00-00:00", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000), ("2024-02-29T12:00:00Z", 1_709_208_000_000),
            ("2016-12-31T23:59:60Z", 1_483_228_799_999), ("2017-01-01T00:59:60+01:00", 1_483_228_799_999),
            ("1966-12-31T23:59:60Z", -94_694_400_001), ("0001-01-01T00:00:00Z", RFC3339.range.lowerBound),
            ("9999-12-31T23:59:59.999Z", RFC3339.range.upperBound), ("2038-01-19T03:14:08Z", 2_147_483_648_000),
        ] as [(String, Int64)])
    func reads(text: String, instant: Int64) {
        #expect(RFC3339.parse(text) == instant)
    }

    @Test(
        "what no calendar or clock shows is refused",
        arguments: [
            "", "2026", "2026-11-21", "2026-11-21T07:38Z", "2026-11-21T07:38:44", "2026-11-21 07:38:44Z",
            "2026-02-30T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
            "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
            "2026-11-21T24:00:00Z", "2026-11-21T07:60:00Z", "2026-11-21T07:38:61Z", "2026-11-21T07:38:60Z",
            "2016-12-31T23:59:60+01:00", "2026-11-21T07:38:44.Z", "2026-11-21T07:38:44,5Z", "2026-11-21T07:38:44+0100",
            "2026-11-21T07:38:44+24:00", "2026-11-21T07:38:44+01:60", "2026-11-21T07:38:44+1:00",
            "2026-11-21T07:38:44Z ", " 2026-11-21T07:38:44Z", "2026-11-21T07:38:44ZZ", "0000-12-31T23:00:00Z",
            "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z",
            "２０２６-11-21T07:38:44Z", "2026-11-21T07:38:44\u{0}Z", "2026-1-021T07:38:44Z", "1795246724",
        ])
    func refuses(text: String) {
        #expect(RFC3339.parse(text) == nil)
    }

    @Test("a prefix of an instant is none")
    func truncated() {
        let text = "2026-11-21T07:38:44.123+01:00"
        for count in 0..<text.utf8.count { #expect(RFC3339.parse(String(text.prefix(count))) == nil) }
    }

    @Test("an instant is written in UTC with milliseconds, and one out of range is brought within")
    func writes() {
        #expect(RFC3339.format(0) == "1970-01-01T00:00:00.000Z")
        #expect(RFC3339.format(-1) == "1969-12-31T23:59:59.999Z")
        #expect(RFC3339.format(1_795_246_724_123) == "2026-11-21T07:38:44.123Z")
        #expect(RFC3339.format(.max) == "9999-12-31T23:59:59.999Z")
        #expect(RFC3339.format(.min) == "0001-01-01T00:00:00.000Z")
    }

    @Test("days from year 1 to 9999 are written and read back, each after the one before")
    func everyDay() {
        var previous = ""
        let (first, last) = (RFC3339.range.lowerBound, RFC3339.range.upperBound)
        for instant in stride(from: first, through: last, by: 86_400_007 * 17) {
            let text = RFC3339.format(instant)
            if RFC3339.parse(text) != instant || text <= previous { Issue.record("\(instant) became \(text)") }
            previous = text
        }
    }
}
