internal import Bytes

/// The results, as text and as JSON.
struct BenchReport {
    /// `http`, `engine` or `daemon`.
    let surface: String
    let machine: MachineReport
    let settings: BenchSettings
    private var names: [String] = []
    private var readings: [String: [Reading]] = [:]

    init(surface: String, machine: MachineReport, settings: BenchSettings) {
        self.surface = surface
        self.machine = machine
        self.settings = settings
    }

    mutating func add(_ round: [Reading]) {
        for reading in round {
            if readings[reading.name] == nil { names.append(reading.name) }
            readings[reading.name, default: []].append(reading)
        }
    }

    var lines: [String] {
        let hasRaw = settings.rawConnections != nil
        var table =
            hasRaw
            ? Table("figure", "median", "lowest", "highest", "unit", "raw", "ratio")
            : Table("figure", "median", "lowest", "highest", "unit")
        for row in rows {
            let (name, unit) = (row.name, row.unit)
            let (median, lowest) = (Self.format(row.median, unit), Self.format(row.values.min() ?? 0, unit))
            let highest = Self.format(row.values.max() ?? 0, unit)
            if hasRaw {
                table.row(
                    name, median, lowest, highest, unit.rawValue, row.raw.map { Self.format($0, unit) } ?? "–",
                    row.ratio.map { Text.fixed($0, 2) } ?? "–")
            } else {
                table.row(name, median, lowest, highest, unit.rawValue)
            }
        }
        return machine.lines + [
            "\(surface): \(how), \(settings.rounds) rounds"
        ] + (rawLine.map { [$0] } ?? []) + [""] + table.lines
    }

    var json: JSON {
        [
            "surface": .string(surface), "machine": machine.json,
            "settings": [
                "connections": JSON(settings.connections), "seconds": JSON(settings.seconds),
                "rounds": JSON(settings.rounds), "depth": JSON(settings.depth), "posts": JSON(settings.posts),
                "comments": JSON(settings.comments),
                "raw_connections": settings.rawConnections.map { JSON($0) } ?? .null,
            ],
            "figures": .array(
                rows.map { row in
                    [
                        "name": .string(row.name), "unit": .string(row.unit == .ratio ? "ratio" : row.unit.rawValue),
                        "median": JSON(row.median), "rounds": .array(row.values.map { JSON($0) }),
                        "raw": row.raw.map { JSON($0) } ?? .null, "ratio": row.ratio.map { JSON($0) } ?? .null,
                    ]
                }),
        ]
    }

    private var how: String {
        surface == "daemon"
            ? "\(settings.backlog(.daemon)) jobs per round, \(DaemonTarget.jobsAtOnce) concurrent"
            : "\(settings.connections) connections, \(settings.seconds) s per round"
    }

    private var rawLine: String? {
        settings.rawConnections.map { "raw limits: \($0) \($0 == 1 ? "connection" : "connections") to a plain queue" }
    }

    /// One figure over all rounds.
    private struct Figure {
        let name: String
        let unit: Reading.Unit
        let readings: [Reading]

        var values: [Double] { readings.map(\.value) }
        var median: Double { Statistics.median(values) }
        /// The median of what it is held against.
        var raw: Double? {
            let bases = readings.compactMap(\.base)
            return bases.isEmpty ? nil : Statistics.median(bases)
        }
        /// The median of the rounds' ratios: what slows a round slows both sides of it.
        var ratio: Double? {
            let ratios = readings.compactMap { reading in
                reading.base.flatMap { $0 > 0 ? reading.value / $0 : nil }
            }
            return ratios.isEmpty ? nil : Statistics.median(ratios)
        }
    }

    private var rows: [Figure] {
        names.compactMap { name in
            guard let readings = readings[name], let first = readings.first else { return nil }
            return Figure(name: name, unit: first.unit, readings: readings)
        }
    }

    private static func format(_ value: Double, _ unit: Reading.Unit) -> String {
        switch unit {
        case .perSecond, .callsPerSecond, .bytes: value < 1e12 ? Text.grouped(Int(value.rounded())) : "\(value)"
        case .microseconds: Text.fixed(value, 1)
        case .milliseconds, .ratio, .percent, .megabytes: Text.fixed(value, 2)
        }
    }
}
