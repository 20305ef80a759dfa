/// Holds what customers and devices know against what the server says at the end.
struct DeviceChecker {
    /// A command as its customer finds it.
    struct Command: Sendable {
        let id: String
        let device: String
        /// Its type, which is the Idempotency-Key that it was sent with.
        let key: String
        let status: String
        let output: String
    }

    var log: DeviceRecord.Log
    var commands: [Command]
    /// What the customer was told, by device.
    var told: [String: [UpdateFollower.Update]]
    /// The position that each device has reached at the least.
    var ends: [String: Int64]

    var violations: [String] { log.complaints + sends + endings + leases + refusals + positions + statuses }

    /// Each key made one command: the one that was acknowledged.
    private var sends: [String] {
        var found: [String] = []
        let byKey = Dictionary(grouping: commands, by: \.key)
        for sent in log.sent {
            let there = byKey[sent.key] ?? []
            if there.map(\.id) != [sent.id] || there.first?.device != sent.device {
                found.append("\(sent) was acknowledged; there is \(there)")
            }
        }
        let strange = Set(byKey.keys).subtracting(log.sent.map(\.key))
        return found + strange.map { "nobody was told of the command \($0)" }
    }

    /// Each was completed, by one run whose report was accepted.
    private var endings: [String] {
        let reports = log.answers.filter { $0.kind == .report && $0.status == 200 }
        let accepted = Dictionary(grouping: reports, by: \.hold.command)
        let runs = Set(log.runs)
        return commands.compactMap { command -> String? in
            let ends = Set((accepted[command.id] ?? []).map { DeviceRecord.Run(hold: $0.hold, output: $0.output) })
            guard command.status == "completed", ends.count == 1, let end = ends.first else {
                return "\(command) has \(ends.count) accepted results"
            }
            return runs.contains(end) && end.output == command.output ? nil : "\(command) was ended by \(end)"
        }
    }

    /// A command is under one claim token at a time: the next one comes when the time of the one before is over.
    private var leases: [String] {
        Dictionary(grouping: log.leases.values, by: \.hold.command).values.flatMap { leases -> [String] in
            let sorted = leases.sorted { $0.grantedAt < $1.grantedAt }
            return zip(sorted, sorted.dropFirst()).filter { $1.grantedAt < $0.visibleUntil }.map { first, second in
                "\(second) was given while \(first) held"
            }
        }
    }

    /// Who holds a command is refused nothing.
    private var refusals: [String] {
        log.answers.compactMap { answer -> String? in
            let until = log.leases[answer.hold]?.visibleUntil ?? .max
            switch answer.status {
            case 200: return nil
            case 403 where answer.at >= until, 409 where answer.at >= until: return nil
            default: return "\(answer) came to who held it until \(until)"
            }
        }
    }

    /// Every position of a device came once, in order, from the first to the last.
    private var positions: [String] {
        ends.compactMap { device, end -> String? in
            let positions = (told[device] ?? []).map(\.position)
            for (due, position) in zip(Int64(1)..., positions) where due != position {
                return "of \(device) \(position) came when \(due) was due"
            }
            let last = positions.last ?? 0
            return last >= end ? nil : "of \(device) \(last) came last; it is at \(end)"
        }
    }

    /// The customer was told of each step of each command.
    private var statuses: [String] {
        var byCommand: [String: [String]] = [:]
        for update in told.values.joined() {
            if let command = update.command { byCommand[command, default: []].append(update.status) }
        }
        let lost = commands.compactMap { command -> String? in
            let statuses = byCommand[command.id] ?? []
            return Self.areSteps(statuses) ? nil : "the customer was told that \(command.id) was \(statuses)"
        }
        let strange = Set(byCommand.keys).subtracting(commands.map(\.id))
        return lost + strange.map { "the customer was told of \($0), which isn't there" }
    }

    /// Pending, then claimed, as often as it was lost and once more; then completed.
    private static func areSteps(_ statuses: [String]) -> Bool {
        let before = Array(statuses.dropLast())
        guard statuses.last == "completed", !before.isEmpty, before.count.isMultiple(of: 2) else { return false }
        return before.enumerated().allSatisfy { $1 == ($0.isMultiple(of: 2) ? "pending" : "claimed") }
    }
}
