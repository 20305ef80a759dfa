import Bytes
import Testing

@Suite("The hour somewhere")
struct ZoneTests {
    @Test(
        "is what clocks show there, summer and winter",
        arguments: [
            ("UTC", "2026-11-21T07:38:44Z", 7), ("UTC", "2026-11-21T23:59:59.999Z", 23),
            ("UTC", "1969-12-31T23:30:00Z", 23),
            ("Europe/Zurich", "2026-11-21T07:38:44Z", 8), ("Europe/Zurich", "2026-07-01T07:38:44Z", 9),
            ("Europe/Zurich", "2026-11-21T23:30:00Z", 0), ("Europe/Zurich", "2026-10-25T00:59:59Z", 2),
            ("Europe/Zurich", "2026-10-25T01:00:00Z", 2), ("Europe/Zurich", "2026-03-29T01:00:00Z", 3),
            ("Asia/Kathmandu", "2026-01-01T00:14:59Z", 5), ("Asia/Kathmandu", "2026-01-01T00:15:00Z", 6),
            ("America/St_Johns", "2026-01-01T00:00:00Z", 20), ("Pacific/Kiritimati", "2026-01-01T10:00:00Z", 0),
            ("Pacific/Pago_Pago", "2026-01-01T10:59:59Z", 23), ("Etc/GMT+8", "2026-01-01T00:00:00Z", 16),
            ("America/Argentina/Buenos_Aires", "9999-12-31T23:59:59Z", 20), ("Japan", "0001-01-01T12:00:00Z", 21),
        ] as [(String, String, Int)])
    func hours(name: String, text: String, hour: Int) throws {
        let instant = try #require(RFC3339.parse(text))
        #expect(try #require(Zone(name)).hour(at: instant) == hour)
    }

    @Test("stays an hour at the ends of time", arguments: [Int64.min, .max, 0, -1])
    func ends(_ instant: Int64) {
        #expect(0...23 ~= Zone.utc.hour(at: instant))
    }

    @Test(
        "is nowhere else",
        arguments: ["", "PST", "GMT+8", "Mars/Phobos", "../etc/passwd", "/", "europe", "UTC "])
    func unknown(_ name: String) {
        #expect(Zone(name) == nil)
    }
}
