internal import Bytes
internal import Domain

extension LiveJob {
    func event(_ type: EventType, actor: String, reason: String? = nil, pay: Int64 = 0) -> Event {
        var metadata = JSONWriter(capacity: 96)
        metadata.beginObject()
        metadata.field("attempt", attempt)
        metadata.field("fence", fence)
        if let worker { metadata.field("worker", worker.text) }
        if let reason { metadata.field("reason", reason) }
        if pay > 0 { metadata.field("paid_usdt", Money.decimal(pay)) }
        metadata.endObject()
        return Event(
            owner: owner, type: type, actor: actor, object: id.text,
            metadata: String(decoding: metadata.bytes, as: UTF8.self))
    }
}

extension Event {
    /// What ended in one round: an event for each owner and worker, in which every job is named (CONTRACT 5). A single
    /// job's is a `job_ended`.
    /// - Parameter actor: who ended them, when it wasn't their workers.
    static func ends(_ ends: [Ended], by actor: String?) -> [Event] {
        gathered(ends) { end in
            Subject(owner: end.job.owner, worker: end.job.worker)
        } as: { subject, ends in
            var metadata = JSONWriter(capacity: 48 + ends.count * 112)
            metadata.beginObject()
            if let worker = subject.worker { metadata.field("worker", worker.text) }
            if let end = ends.first, ends.count == 1 {
                metadata.facts(of: end)
            } else {
                metadata.list(ends) { metadata, end in
                    metadata.field("id", end.job.id.text)
                    metadata.facts(of: end)
                }
            }
            metadata.endObject()
            return Event(
                owner: subject.owner, type: ends.count == 1 ? .jobEnded : .jobsEnded,
                actor: actor ?? subject.worker?.text ?? "system", object: ends.first?.job.id.text ?? "",
                metadata: String(decoding: metadata.bytes, as: UTF8.self))
        }
    }

    /// What one round paid: an event for each provider and worker. A single job's is a `job_paid`.
    static func payments(_ payments: [Payment]) -> [Event] {
        gathered(payments) { payment in
            Subject(owner: payment.provider, worker: payment.worker)
        } as: { subject, payments in
            let actor = subject.worker?.text ?? "system"
            if let payment = payments.first, payments.count == 1 {
                return Event(
                    owner: subject.owner, type: .jobPaid, actor: actor, object: payment.job.text,
                    metadata: money(payment.amount, .usdt, reference: payment.job.text))
            }
            var metadata = JSONWriter(capacity: 64 + payments.count * 80)
            metadata.beginObject()
            metadata.field("amount", Money.decimal(payments.reduce(0) { $0 + $1.amount }))
            metadata.field("asset", Asset.usdt.rawValue)
            metadata.list(payments) { metadata, payment in
                metadata.field("id", payment.job.text)
                metadata.field("amount", Money.decimal(payment.amount))
            }
            metadata.endObject()
            return Event(
                owner: subject.owner, type: .jobsPaid, actor: actor, object: payments.first?.job.text ?? "",
                metadata: String(decoding: metadata.bytes, as: UTF8.self))
        }
    }

    /// What a provider earned by a result, in minor units of USDT.
    struct Payment {
        let provider: OwnerID
        let worker: MachineID
        let job: JobID
        let amount: Int64
    }

    /// Whom an event of a round concerns.
    private struct Subject: Hashable {
        let owner: OwnerID
        let worker: MachineID?
    }

    /// The most jobs that one event names, so that a page of events stays small.
    private static let mostNamed = 100

    /// The events of facts with one subject each, in the order of their first.
    private static func gathered<Fact>(
        _ facts: [Fact], by subject: (Fact) -> Subject, as event: (Subject, ArraySlice<Fact>) -> Event
    ) -> [Event] {
        var places: [Subject: Int] = [:]
        var groups: [(subject: Subject, facts: [Fact])] = []
        for fact in facts {
            let subject = subject(fact)
            if let place = places[subject] {
                groups[place].facts.append(fact)
            } else {
                places[subject] = groups.count
                groups.append((subject, [fact]))
            }
        }
        return groups.flatMap { subject, facts in
            stride(from: 0, to: facts.count, by: mostNamed).map { start in
                event(subject, facts[start..<min(start + mostNamed, facts.count)])
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func facts(of end: Ended) {
        field("state", end.state.rawValue)
        field("attempt", end.job.attempt)
        field("fence", end.job.fence)
        if end.pay > 0 { field("paid_usdt", Money.decimal(end.pay)) }
        let refund = end.job.held - end.pay
        if refund > 0 { field("refunded_usdt", Money.decimal(refund)) }
    }

    /// A member `jobs`: a list of objects.
    fileprivate mutating func list<Item>(_ items: ArraySlice<Item>, _ write: (inout JSONWriter, Item) -> Void) {
        key("jobs")
        beginArray()
        for item in items {
            beginObject()
            write(&self, item)
            endObject()
        }
        endArray()
    }
}
