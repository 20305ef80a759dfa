/// Holds what callers know against what the books say. Everything that was acknowledged is there once; nothing that was
/// refused is there.
struct MoneyChecker {
    let record: MoneyRecord
    let books: MoneyBooks

    var violations: [String] {
        record.complaints + deposits + submits + cancels + withdrawals + results
            + BountyChecker(record: record, books: books.bounties).violations
    }

    private var deposits: [String] {
        var found: [String] = []
        var known: Set<String> = []
        for call in record.all where call.kind == .deposit {
            known.insert(call.name)
            let there = books.deposits[call.name] ?? []
            switch call.ending {
            case .done where there != [call.amount]: found.append("\(call) was acknowledged; the books have \(there)")
            case .refused where !there.isEmpty: found.append("\(call) was refused; the books have \(there)")
            default: break
            }
        }
        let strange = Set(books.deposits.keys).subtracting(known)
        return found + strange.map { "nobody made the deposit \($0)" }
    }

    private var submits: [String] {
        record.all.filter { $0.kind == .submit }.compactMap { call in
            let there = books.jobs[call.name] ?? []
            switch call.ending {
            case .done(let id):
                return there.map(\.id) == [id] && there.first?.maxPrice == call.amount
                    ? nil : "\(call) was acknowledged; the books have \(there)"
            case .refused: return there.isEmpty ? nil : "\(call) was refused; the books have \(there)"
            case .unknown: return there.count <= 1 ? nil : "\(call) happened more than once: \(there)"
            }
        }
    }

    private var cancels: [String] {
        let jobs = Dictionary(books.jobs.values.joined().map { ($0.id, $0) }) { first, _ in first }
        return record.done(.cancel).compactMap { call in
            let state = jobs[call.name]?.state ?? "nowhere"
            return state == "cancelled" ? nil : "\(call) was acknowledged; it is \(state)"
        }
    }

    private var withdrawals: [String] {
        var found: [String] = []
        for call in record.all where call.kind == .withdraw {
            let there = books.withdrawals[call.name] ?? []
            switch call.ending {
            case .done where there.map(\.amount) != [call.amount]:
                found.append("\(call) was acknowledged; the books have \(there)")
            case .refused where !there.isEmpty: found.append("\(call) was refused; the books have \(there)")
            default: break
            }
        }
        let states = Dictionary(books.withdrawals.values.joined().map { ($0.id, $0.state) }) { first, _ in first }
        for (kind, state) in [(MoneyRecord.Call.Kind.reject, "rejected"), (.pay, "paid")] {
            for call in record.done(kind) where states[call.name] != state {
                found.append("\(call) was acknowledged; it is \(states[call.name] ?? "not there")")
            }
        }
        return found
    }

    /// Every accepted result was paid for its time, once; nothing else was paid.
    private var results: [String] {
        var found: [String] = []
        let accepted = Set(record.done(.result).map(\.name))
        let refused = Set(record.refused(.result).map(\.name)).subtracting(accepted)
        let attempts = Dictionary(grouping: books.attempts, by: \.name)
        for name in accepted where attempts[name]?.filter(\.isAccepted).count != 1 {
            found.append("the result of \(name) was acknowledged; the books have \(attempts[name] ?? [])")
        }
        for name in refused where attempts[name]?.contains(where: \.isAccepted) == true {
            found.append("the result of \(name) was refused; the books have \(attempts[name] ?? [])")
        }
        for attempt in books.attempts {
            let paid = books.payments[attempt.name] ?? []
            let earned = attempt.isAccepted ? max(0, attempt.worked) * MoneyCrowd.minorUnitsPerMillisecond : 0
            guard paid == (attempt.pay > 0 ? [attempt.pay] : []), attempt.pay <= earned else {
                found.append("\(attempt) earned \(earned) and was paid \(paid)")
                continue
            }
            // Less only where the job's money was used up, which a minute's price never is by these.
            if attempt.pay < earned { found.append("\(attempt) earned \(earned)") }
        }
        let strange = Set(books.payments.keys).subtracting(attempts.keys)
        return found + strange.map { "\($0) was paid and never ended" }
    }
}
