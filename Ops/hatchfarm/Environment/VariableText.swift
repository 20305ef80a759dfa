/// Documentation of the variables.
extension Variables {
    private static func facts(for users: Set<VariableUser>) -> [VariableFacts] {
        list.map(\.facts).filter { !$0.users.isDisjoint(with: users) }
    }

    /// A section for a command's help, at most 79 columns wide.
    static func help(for users: VariableUser...) -> String {
        (["ENVIRONMENT"] + facts(for: Set(users)).flatMap(help)).joined(separator: "\n")
    }

    private static func help(_ facts: VariableFacts) -> [String] {
        // ArgumentParser would wrap lines of 80 columns again.
        let indent = 26
        let lines = Text.wrapped("\(facts.about)\(facts.unsetSentence)", to: 79 - indent)
        let name = "  \(facts.name)"
        let isShort = name.utf8.count + 2 <= indent
        let rest = (isShort ? lines.dropFirst() : lines[...]).map { String(repeating: " ", count: indent) + $0 }
        return [isShort ? Text.padded(name, to: indent) + (lines.first ?? "") : name] + rest
    }

    /// The table in the reference, with its legend.
    static var markdown: String {
        let legend = VariableUser.allCases.map { "*\($0.rawValue)* is \($0.about)" }.joined(separator: "; ")
        let rows = list.map(\.facts).map { facts in
            let users = VariableUser.allCases.filter { facts.users.contains($0) }.map(\.rawValue)
            let text = facts.more.isEmpty ? facts.about : "\(facts.about) \(facts.more)"
            let cells = ["`\(facts.name)`", facts.unsetCell, users.joined(separator: ", "), escaped(text)]
            return "| \(cells.joined(separator: " | ")) |"
        }
        let head = ["| variable | when unset | read by | meaning |", "|---|---|---|---|"]
        return (Text.wrapped("Read by: \(legend).", to: 118) + [""] + head + rows).joined(separator: "\n")
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("<", with: "&lt;").replacing("*", with: "\\*")
    }
}

extension VariableFacts {
    fileprivate var unsetSentence: String {
        switch unset {
        case .value(let value): " Default: \(value)."
        case .phrase(let phrase): " When unset: \(phrase)."
        case nil: ""
        }
    }

    fileprivate var unsetCell: String {
        switch unset {
        case .value(let value): "`\(value)`"
        case .phrase(let phrase): phrase
        case nil: ""
        }
    }
}

/// The settings file of a systemd unit, for `/etc/default`.
struct DefaultFile: Sendable {
    enum Unit: String, CaseIterable, Sendable { case server, worker }

    let unit: Unit

    var text: String {
        let users: Set<VariableUser> = unit == .server ? [.server] : [.worker, .unit]
        let blocks = Variables.list.map(\.facts).filter { !$0.users.isDisjoint(with: users) }.map(block)
        return ([head] + blocks).joined(separator: "\n\n") + "\n"
    }

    private var head: String {
        let doctor = unit == .server ? "hatchfarm doctor" : "hatchfarm doctor --worker"
        return Self.comment(
            """
            Settings of hatchfarm-\(unit.rawValue).service. Mode 600: it may hold secrets. `systemctl restart \
            hatchfarm-\(unit.rawValue)` after a change; `\(doctor)` checks them. Generated \
            by `hatchfarm environment --format \(unit.rawValue)`.
            """)
    }

    /// The variables that the unit needs.
    private var assignments: [String: String] {
        switch unit {
        case .server: ["DATABASE_URL": "sqlite:/var/lib/hatchfarm-server/hatchfarm.db"]
        case .worker: ["HATCHFARM_SERVER": "http://127.0.0.1:8080"]
        }
    }

    private func block(_ facts: VariableFacts) -> String {
        let text = facts.more.isEmpty ? facts.about : "\(facts.about) \(facts.more)"
        let name = facts.name.replacing(VariableFacts.placeholder, with: "EXAMPLE")
        var lines = [Self.comment(text)]
        if let value = assignments[facts.name] { lines.append("\(name)=\(value)") }
        if let example = facts.example {
            lines.append("#\(name)=\(example)")
        } else if case .value(let value) = facts.unset {
            lines.append("#\(name)=\(value)")
        } else {
            lines.append("#\(name)=")
        }
        return lines.joined(separator: "\n")
    }

    private static func comment(_ text: String) -> String {
        Text.wrapped(text, to: 116).map { "# \($0)" }.joined(separator: "\n")
    }
}
