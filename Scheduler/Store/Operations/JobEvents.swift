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
    /// What ended in one round: an event for each owner, actor and worker, in which every job is named (CONTRACT 5).
    /// A single job's is a `job_ended`.
    static func ends(_ ends: [Ended], by actor: String?) -> [Event] {
        gathered(ends) { end in
            Subject(owner: end.job.owner, actor: actor ?? end.job.worker?.text ?? "system", worker: end.job.worker)
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
            return (ends.count == 1 ? .jobEnded : .jobsEnded, ends.first?.job.id, metadata)
        }
    }

    /// What one round paid: an event for each provider and worker. A single job's is a `job_paid`.
    static func payments(_ payments: [(provider: OwnerID, job: LiveJob, amount: Int64)]) -> [Event] {
        gathered(payments) { payment in
            Subject(owner: payment.provider, actor: payment.job.worker?.text ?? "system", worker: payment.job.worker)
        } as: { _, payments in
            var metadata = JSONWriter(capacity: 64 + payments.count * 80)
            metadata.beginObject()
            metadata.field("amount", Money.decimal(payments.reduce(0) { $0 + $1.amount }))
            metadata.field("asset", Asset.usdt.rawValue)
            if let payment = payments.first, payments.count == 1 {
                metadata.field("reference", payment.job.id.text)
            } else {
                metadata.list(payments) { metadata, payment in
                    metadata.field("id", payment.job.id.text)
                    metadata.field("amount", Money.decimal(payment.amount))
                }
            }
            metadata.endObject()
            return (payments.count == 1 ? .jobPaid : .jobsPaid, payments.first?.job.id, metadata)
        }
    }

    /// Whom an event of a round concerns.
    private struct Subject: Hashable {
        var owner: OwnerID
        var actor: String
        var worker: MachineID?
    }

    /// The most jobs that one event names, so that a page of events stays small.
    private static let mostNamed = 100

    private static func gathered<Fact>(
        _ facts: [Fact], by subject: (Fact) -> Subject,
        as write: (Subject, ArraySlice<Fact>) -> (type: EventType, first: JobID?, metadata: JSONWriter)
    ) -> [Event] {
        var order: [Subject] = []
        var groups: [Subject: [Fact]] = [:]
        for fact in facts {
            let subject = subject(fact)
            if groups[subject] == nil { order.append(subject) }
            groups[subject, default: []].append(fact)
        }
        return order.flatMap { subject in
            let facts = groups[subject] ?? []
            return stride(from: 0, to: facts.count, by: mostNamed).map { start in
                let event = write(subject, facts[start..<min(start + mostNamed, facts.count)])
                return Event(
                    owner: subject.owner, type: event.type, actor: subject.actor, object: event.first?.text ?? "",
                    metadata: String(decoding: event.metadata.bytes, as: UTF8.self))
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
