internal import Bytes

/// The result of one check by `hatchfarm doctor`.
struct Finding: Sendable, Equatable {
    enum Level: String, Sendable {
        case ok
        /// It works, but should be improved.
        case warn
        /// It won't work.
        case fail
    }

    let level: Level
    /// What was checked, in a word or two.
    let name: String
    let found: String
    /// What to do about it; set unless the level is `ok`.
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

/// The finding for a clock skew.
extension Finding {
    /// - Parameter skew: the other clock minus ours, in milliseconds.
    static func clock(_ name: String, skew: Int64, of other: String) -> Finding {
        let amount = "\(Text.duration(milliseconds: abs(skew))) \(skew < 0 ? "behind" : "ahead of") this machine's"
        let remedy = "synchronise both machines by NTP: apt-get install systemd-timesyncd"
        return switch abs(skew) {
        case ...5_000: .ok(name, "the clock of \(other) agrees with this machine's")
        case ...90_000: .warn(name, "the clock of \(other) is \(amount)", remedy: remedy)
        default: .fail(name, "the clock of \(other) is \(amount): heartbeats are refused beyond 90 s", remedy: remedy)
        }
    }
}
