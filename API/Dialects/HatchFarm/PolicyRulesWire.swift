internal import Bytes
internal import Domain
internal import Foundation

extension PolicyRules {
    static let schema = Schema.named(
        "PolicyRules",
        .object(
            .required("max_cpu_percent", .integer(1...100)),
            .optional("max_memory_percent", .nullable(.integer(1...100))),
            .optional("max_gpu_percent", .nullable(.integer(0...100)), "0: no GPU."),
            .optional("timezone", .nullable(.string(1...64)), "A name of the IANA time zone database."),
            .optional("allowed_hours", .nullable(.array(.integer(0...23), 0...24)), "Absent: all."),
            .optional("max_job_minutes", .nullable(.integer(1...longestJob)), "Absent: no limit."),
            .optional("network", .nullable(.boolean)),
            .optional("isolation", .nullable(.choice(Isolation.self)), "The weakest that a job may ask for.")))

    /// A year, in minutes.
    private static let longestJob: Int64 = 525_600

    /// Reads `rules`; an unknown one is an error (CONTRACT 5).
    init(_ fields: Fields) throws(FieldError) {
        var fields = fields
        self.init(maxCPUPercent: Int64(try fields.int("max_cpu_percent", in: 1...100)))
        maxMemoryPercent = try fields.optionalInt("max_memory_percent", in: 1...100).map { Int64($0) }
        maxGPUPercent = try fields.optionalInt("max_gpu_percent", in: 0...100).map { Int64($0) }
        timezone = try fields.optionalString("timezone")
        if let timezone, !Self.isTimeZone(timezone) {
            throw fields.error("timezone", .invalid("must be the name of an IANA time zone, as Europe/Zurich"))
        }
        allowedHours = try Self.hours(&fields)
        maxJobMinutes = try fields.optionalInt("max_job_minutes", in: 1...Int(Self.longestJob)).map { Int64($0) }
        network = try fields.optionalBool("network")
        if let word = try fields.optionalString("isolation") {
            guard let isolation = Isolation(rawValue: word) else {
                throw fields.error("isolation", .invalid("must be none, sandbox or vm"))
            }
            self.isolation = isolation
        }
        try fields.end()
    }

    private static func hours(_ fields: inout Fields) throws(FieldError) -> [Int64]? {
        guard let values = try fields.optionalArray("allowed_hours") else { return nil }
        let hours = values.compactMap(\.int)
        guard hours.count == values.count, hours.count <= 24, hours.allSatisfy({ 0...23 ~= $0 }) else {
            throw fields.error("allowed_hours", .invalid("must be at most 24 integers from 0 to 23"))
        }
        return hours
    }

    /// Foundation brings its own copy of the database. It takes offsets (`GMT+8`) and abbreviations (`PST`) as well,
    /// which the database hasn't.
    private static func isTimeZone(_ name: String) -> Bool {
        guard (1...64).contains(name.utf8.count), name.contains("/") || placeless.contains(name) else { return false }
        return TimeZone(identifier: name) != nil
    }

    /// The zones of the database that don't stand under a continent.
    private static let placeless: Set<String> = [
        "CET", "CST6CDT", "Cuba", "EET", "EST", "EST5EDT", "Egypt", "Eire", "GB", "GB-Eire", "GMT", "GMT+0", "GMT-0",
        "GMT0", "Greenwich", "HST", "Hongkong", "Iceland", "Iran", "Israel", "Jamaica", "Japan", "Kwajalein", "Libya",
        "MET", "MST", "MST7MDT", "NZ", "NZ-CHAT", "Navajo", "PRC", "PST8PDT", "Poland", "Portugal", "ROC", "ROK",
        "Singapore", "Turkey", "UCT", "UTC", "Universal", "W-SU", "WET", "Zulu",
    ]
}
