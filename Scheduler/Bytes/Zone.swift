internal import Foundation

/// A place's clock, by its name in the IANA time zone database: `Europe/Zurich`, `UTC`.
package struct Zone: Sendable, Equatable {
    private let zone: TimeZone

    package static let utc = Zone(zone: .gmt)

    private init(zone: TimeZone) {
        self.zone = zone
    }

    /// `nil` for what the database hasn't: Foundation, which brings its own copy of it, takes offsets (`GMT+8`) and
    /// abbreviations (`PST`) as well.
    package init?(_ name: String) {
        guard (1...64).contains(name.utf8.count), name.contains("/") || Self.placeless.contains(name),
            let zone = TimeZone(identifier: name)
        else { return nil }
        self.zone = zone
    }

    /// The hour that clocks there show, 0–23; `instant` in milliseconds since 1970.
    package func hour(at instant: Int64) -> Int {
        let seconds = instant / 1_000
        let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
        let (local, isTooLate) = seconds.addingReportingOverflow(Int64(offset))
        guard !isTooLate else { return 0 }
        let second = local % 86_400
        return Int((second < 0 ? second + 86_400 : second) / 3_600)
    }

    /// The zones of the database that don't stand under a continent.
    private static let placeless: Set<String> = [
        "CET", "CST6CDT", "Cuba", "EET", "EST", "EST5EDT", "Egypt", "Eire", "GB", "GB-Eire", "GMT", "GMT+0", "GMT-0",
        "GMT0", "Greenwich", "HST", "Hongkong", "Iceland", "Iran", "Israel", "Jamaica", "Japan", "Kwajalein", "Libya",
        "MET", "MST", "MST7MDT", "NZ", "NZ-CHAT", "Navajo", "PRC", "PST8PDT", "Poland", "Portugal", "ROC", "ROK",
        "Singapore", "Turkey", "UCT", "UTC", "Universal", "W-SU", "WET", "Zulu",
    ]
}
