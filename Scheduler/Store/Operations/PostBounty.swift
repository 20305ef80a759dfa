internal import Bytes
package import Domain

extension Transaction {
    /// Posts a task; with escrow its bounty is set aside: throws `Refusal.insufficientFunds`.
    package func postBounty(_ new: NewBounty, actor: String) throws -> Bounty {
        if new.isEscrow, let deadline = new.deadline, deadline <= now {
            throw Refusal.invalid(field: "deadline", message: "deadline must be in the future for an escrow task")
        }
        guard let task = try insertBounty(new) else { throw Refusal.membersOnly }
        try writeLabels(of: task)
        try post(task.posterHold)
        try notify(.taskCreated, to: Member.queenbee, by: task.author, bounty: task.id)
        try record(task.event(.bountyPosted, actor: actor))
        return task
    }

    /// Changes what its author says of a task.
    package func editBounty(
        _ id: Int64, by member: MemberID, actor: String, _ change: (inout Bounty) -> Void
    ) throws -> Bounty {
        var task = try ownBounty(id, of: member)
        let before = task
        change(&task)
        guard task != before else { return before }
        guard task.content != nil || task.url != nil else {
            throw Refusal.invalid(field: "description", message: "a post must keep its description or its url")
        }
        task.updatedAt = now
        try updateBounty(task, seen: task.status)
        try record(task.event(.bountyEdited, actor: actor))
        return task
    }

    /// Deletes a task; a bounty that is held goes back to its author. Its comments and notices are pruned later. Throws
    /// `Refusal.wrongState` while both sides' escrow is held.
    package func deleteBounty(_ id: Int64, by member: MemberID, actor: String) throws {
        let task = try ownBounty(id, of: member)
        guard task.escrow.status != .bothHeld, try deleteBounty(id) else {
            throw Refusal.wrongState(
                "Both sides hold escrow for this task; it can be deleted once its audit or @queenbee has settled it, "
                    + "or its assignee has cancelled it")
        }
        if !task.labels.isEmpty { try deleteLabels(of: id) }
        if task.escrow.isHeld { try postHeld(task.settlement(.undone(task.escrow))) }
        try record(task.event(.bountyDeleted, actor: actor))
    }

    /// Locks a task of `member`.
    private func ownBounty(_ id: Int64, of member: MemberID) throws -> Bounty {
        guard let task = try lockBounty(id) else { throw Refusal.notFound("post") }
        guard task.author == member else { throw Refusal.notAllowed("Only the author of a post can do this") }
        return task
    }

    /// Posts transfers, all of them or none.
    func post(_ transfers: [Transfer]) throws {
        guard !transfers.isEmpty else { return }
        var book = try lockAccounts(of: transfers)
        try book.post(transfers)
        try write(book)
    }

    /// Posts transfers out of what is held, which must succeed.
    func postHeld(_ transfers: [Transfer]) throws {
        guard !transfers.isEmpty else { return }
        var book = try lockAccounts(of: transfers)
        for transfer in transfers { try book.mustPost(transfer) }
        try write(book)
    }

    /// Locks the accounts of all of them at once.
    private func lockAccounts(of transfers: [Transfer]) throws -> Book {
        try lock(Set(transfers.flatMap { [$0.debit, $0.credit] }))
    }
}

extension Bounty {
    func event(_ type: EventType, actor: String, _ more: [(String, String)] = []) -> Event {
        var metadata = JSONWriter(capacity: 96)
        metadata.beginObject()
        metadata.field("status", status.rawValue)
        metadata.field("points", points)
        metadata.field("escrow_status", escrow.status.rawValue)
        for (name, value) in more { metadata.field(name, value) }
        metadata.endObject()
        return Event(
            owner: OwnerID(author.text), type: type, actor: actor, object: Self.reference(id),
            metadata: String(decoding: metadata.bytes, as: UTF8.self))
    }
}
