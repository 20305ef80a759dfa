internal import Bytes

/// One thing that `hatchfarm doctor` looked at.
struct Finding: Sendable, Equatable {
    enum Level: String, Sendable {
        case ok
        /// It works, and something is worth doing.
        case warn
        /// It won't work like this.
        case fail
    }

    let level: Level
    /// What was looked at, in a word or two.
    let name: String
    let found: String
    /// What to do about it; there is one unless all is well.
    let remedy: String?

    static func ok(_ name: String, _ found: String) -> Finding {
        Finding(level: .ok, name: name, found: found, remedy: nil)
    }

    static func warn(_ name: String, _ found: String, remedy: String) -> Finding {
        Finding(level: .warn, name: name, found: found, remedy: remedy)
    }

    static func fail(_ name: String, _ found: String, remedy: String) -> Finding {
        Finding(level: .fail, name: name, found: found, remedy: remedy)
    }

    var json: JSON {
        [
            "level": .string(level.rawValue), "name": .string(name), "found": .string(found),
            "remedy": remedy.map(JSON.string) ?? .null,
        ]
    }
}

/// What the finding of a clock is, wherever it was read.
extension Finding {
    /// - Parameter skew: the other's clock minus ours, in milliseconds.
    static func clock(_ name: String, skew: Int64, of other: String) -> Finding {
        let amount = "\(Text.duration(milliseconds: abs(skew))) \(skew < 0 ? "behind" : "ahead of") this machine's"
        let remedy = "let both machines take their time from NTP: apt-get install systemd-timesyncd"
        return switch abs(skew) {
        case ...5_000: .ok(name, "the clock of \(other) agrees with this machine's")
        case ...90_000: .warn(name, "the clock of \(other) is \(amount)", remedy: remedy)
        default: .fail(name, "the clock of \(other) is \(amount): heartbeats are refused from 90 s on", remedy: remedy)
        }
    }
}
