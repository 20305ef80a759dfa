import Domain

/// Holds what callers know of bounties against what the books say (PROMISES M3, M4).
struct BountyChecker {
    let record: MoneyRecord
    let books: BountyBooks

    var violations: [String] { registrations + posts + assignees + conserved + settlements + reports }

    private func amounts(_ names: Set<String>, of task: String) -> [Int64] {
        (books.moves[task] ?? []).filter { names.contains($0.name) }.map(\.amount)
    }

    private func sum(_ names: Set<String>, of task: String) -> Int64 { amounts(names, of: task).reduce(0, +) }

    /// Whoever registered is there, with one bonus; nobody else is.
    private var registrations: [String] {
        record.all.filter { $0.kind == .register }.compactMap { call in
            let there = books.bonuses[call.name]
            return switch call.ending {
            case .done: there == [100] ? nil : "\(call) was acknowledged; the books have \(there ?? [])"
            case .refused: there == nil ? nil : "\(call) was refused; the books have \(there ?? [])"
            case .unknown: there == nil || there == [100] ? nil : "\(call) got \(there ?? [])"
            }
        } + books.bonuses.filter { $0.value != [100] }.map { "\($0.key) has the bonuses \($0.value)" }
    }

    /// Every task that was acknowledged had its bounty set aside once; no other had.
    private var posts: [String] {
        var found: [String] = []
        var known: Set<String> = []
        let titles = Dictionary(grouping: books.tasks, by: \.title)
        for call in record.all where call.kind == .post {
            let there = titles[call.name] ?? []
            known.formUnion(there.map(\.id))
            switch call.ending {
            case .done(let id):
                known.insert(id)
                let isHeld = amounts(["bounty"], of: id) == (call.amount > 0 ? [call.amount] : [])
                if !isHeld || there.contains(where: { $0.id != id }) {
                    found.append("\(call) was acknowledged; the books have \(books.moves[id] ?? []) and \(there)")
                }
                let isDeleted = record.all.contains { $0.kind == .delete && $0.name == id && !$0.isRefused }
                if there.isEmpty, !isDeleted { found.append("\(call) was acknowledged; there is no such task") }
            case .refused: if !there.isEmpty { found.append("\(call) was refused; the books have \(there)") }
            case .unknown: if there.count > 1 { found.append("\(call) happened more than once: \(there)") }
            }
        }
        let strange = Set(books.moves.keys).subtracting(known)
        return found + strange.map { "points moved for task \($0), which nobody posted" }
    }

    /// A task was given to one member, whose deposit it was; whoever was refused has none in it.
    private var assignees: [String] {
        var given: [String: Set<String>] = [:]
        for call in record.done(.claim) + record.done(.assign) {
            if case .done(let handle) = call.ending { given[call.name, default: []].insert(handle) }
        }
        let tasks = Dictionary(books.tasks.map { ($0.id, $0) }) { first, _ in first }
        return given.compactMap { id, handles in
            guard handles.count == 1, let handle = handles.first else {
                return "task \(id) was given to \(handles.sorted())"
            }
            if let task = tasks[id], task.assignee != handle {
                return "task \(id) was given to \(handle); the books have \(task.assignee ?? "nobody")"
            }
            let bounty = amounts(["bounty"], of: id).first
            let deposit = bounty.map { Bounty.Escrow.deposit(on: $0) } ?? 0
            let there = (books.moves[id] ?? []).filter { $0.name == "deposit" }
            let isWhole = there.map(\.amount) == (deposit > 0 ? [deposit] : [])
            return isWhole && there.allSatisfy { $0.from == handle }
                ? nil : "task \(id) was given to \(handle); its deposit is \(there)"
        }
    }

    /// M3: what went in has come out, or is held; an ended task holds nothing.
    private var conserved: [String] {
        let tasks = Dictionary(books.tasks.map { ($0.id, $0) }) { first, _ in first }
        return Set(books.moves.keys).union(tasks.keys).compactMap { id in
            let isHeld = !amounts(["bounty"], of: id).isEmpty
            let put = sum(["bounty", "deposit"], of: id)
            let taken = sum(["refund", "release", "forfeit"], of: id) + (isHeld ? sum(["payout"], of: id) : 0)
            let held = tasks[id]?.escrow ?? 0
            if put != taken + held { return "task \(id) took in \(put), gave out \(taken) and holds \(held)" }
            if let task = tasks[id], task.status.isEnded, held > 0 { return "task \(id) has ended and holds \(held)" }
            return nil
        }
    }

    /// M4: a task is settled, completed, refunded or settled by its audit, once; and as its caller said.
    private var settlements: [String] {
        var ends: [String: [String]] = [:]
        var found: [String] = []
        for call in record.done(.settle) + record.done(.complete) {
            ends[call.name, default: []].append("\(call.kind)")
            if sum(["payout"], of: call.name) != call.amount {
                found.append("\(call) was acknowledged; the books have \(books.moves[call.name] ?? [])")
            }
        }
        for id in Set(record.done(.giveUp).map(\.name)) { ends[id, default: []].append("giveUp") }
        for audit in books.audits.values where audit.state == "settled" {
            ends[audit.task, default: []].append("audit")
        }
        for (id, kinds) in ends where kinds.count > 1 { found.append("task \(id) ended by \(kinds)") }
        for task in books.tasks {
            let expected: Set<Bounty.Status> =
                switch ends[task.id]?.first {
                case "giveUp": [.cancelled]
                case .some: [.done]
                case nil: Set(Bounty.Status.allCases)
                }
            if !expected.contains(task.status) { found.append("\(task) ended by \(ends[task.id] ?? [])") }
        }
        return found
    }

    /// An audit that settled paid what its one accepted report says.
    private var reports: [String] {
        var found: [String] = []
        let accepted = Dictionary(grouping: record.done(.report)) { call in
            if case .done(let job) = call.ending { job } else { "" }
        }
        for (job, calls) in accepted {
            if Set(calls.map(\.name)).count > 1 { found.append("\(job) was reported by \(calls)") }
            guard let audit = books.audits[job] else {
                found.append("the audit \(job) was reported, and isn't there")
                continue
            }
            guard audit.state == "settled" else { continue }
            if !calls.contains(where: { $0.amount == audit.passed }) {
                found.append("\(calls) were accepted; the audit has \(audit)")
            }
        }
        for (job, audit) in books.audits where audit.state == "settled" {
            let bounty = amounts(["bounty"], of: audit.task).first ?? 0
            if sum(["payout"], of: audit.task) != bounty * audit.passed / 10 {
                found.append("the audit \(job) has \(audit); the books have \(books.moves[audit.task] ?? [])")
            }
        }
        return found
    }
}

extension MoneyRecord.Call {
    var isRefused: Bool {
        if case .refused = ending { true } else { false }
    }
}
