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
        var table = Table("figure", "median", "lowest", "highest", "unit")
        for (name, unit, values) in rows {
            table.row(
                name, Self.format(Statistics.median(values), unit), Self.format(values.min() ?? 0, unit),
                Self.format(values.max() ?? 0, unit), unit.rawValue)
        }
        return machine.lines + [
            "\(surface): \(how), \(settings.rounds) rounds",
            "",
        ] + table.lines
    }

    var json: JSON {
        [
            "surface": .string(surface), "machine": machine.json,
            "settings": [
                "connections": JSON(settings.connections), "seconds": JSON(settings.seconds),
                "rounds": JSON(settings.rounds), "depth": JSON(settings.depth), "posts": JSON(settings.posts),
                "comments": JSON(settings.comments),
            ],
            "figures": .array(
                rows.map { name, unit, values in
                    [
                        "name": .string(name), "unit": .string(unit == .ratio ? "ratio" : unit.rawValue),
                        "median": JSON(Statistics.median(values)), "rounds": .array(values.map { JSON($0) }),
                    ]
                }),
        ]
    }

    private var how: String {
        surface == "daemon"
            ? "\(settings.backlog(.daemon)) jobs per round, \(DaemonTarget.jobsAtOnce) concurrent"
            : "\(settings.connections) connections, \(settings.seconds) s per round"
    }

    private var rows: [(String, Reading.Unit, [Double])] {
        names.compactMap { name in
            guard let readings = readings[name], let first = readings.first else { return nil }
            return (name, first.unit, readings.map(\.value))
        }
    }

    private static func format(_ value: Double, _ unit: Reading.Unit) -> String {
        switch unit {
        case .perSecond, .callsPerSecond: value < 1e12 ? Text.grouped(Int(value.rounded())) : "\(value)"
        case .milliseconds, .ratio, .percent, .megabytes: Text.fixed(value, 2)
        }
    }
}
