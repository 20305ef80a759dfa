package import Domain

/// A command as a customer asks for it.
package struct NewCommand: Sendable {
    package var device: DeviceID
    package var type: String
    /// JSON.
    package var parameters: String
    /// 0…1,000, lower first.
    package var priority: Int64
    package var session: SessionID?

    package init(device: DeviceID, type: String, parameters: String, priority: Int64, session: SessionID?) {
        self.device = device
        self.type = type
        self.parameters = parameters
        self.priority = priority
        self.session = session
    }
}

extension Transaction {
    /// Accepts a command for a customer's device; in a remediation session it waits for approval.
    ///
    /// Throws `Refusal.notFound`, `.notYours`, `.wrongState` for a session that is over, `.quota` beyond
    /// `DeviceCommand.limit`.
    package func sendCommand(
        _ new: NewCommand, of customer: CustomerID, hints: SubmitHints
    ) throws -> (command: DeviceCommand, jobs: [AcceptedJob]) {
        let device = try device(new.device, of: customer)
        var needsApproval = false
        if let id = new.session {
            let session = try lockSession(id, of: customer)
            guard session.device == device.id else {
                throw Refusal.invalid(field: "sessionId", message: "the session is of another device")
            }
            guard session.isActive(at: now) else {
                throw Refusal.wrongState("the session is \(session.status(at: now).rawValue); open another")
            }
            needsApproval = session.kind == .remediation
        }
        guard let number = try nextCommandNumber(of: device.id, customer) else {
            // It may have been deleted meanwhile.
            _ = try self.device(device.id, of: customer)
            throw Refusal.quota("open commands of this device", retryAfterSeconds: 60)
        }
        let place = DevicePlace(
            device: device.id, priority: new.priority, number: number, needsApproval: needsApproval)
        var job = NewJob(
            owner: customer.owner, title: new.type, requirement: .deviceCommand, spec: new.parameters)
        job.maxAttempts = 1
        job.device = place
        let submission = Submission(jobs: [job], idempotency: nil) { _, _ in StoredAnswer(status: 200, body: "") }
        guard case .accepted(let jobs, _)? = try submit([submission], hints: hints).first?.get(),
            let accepted = jobs.first
        else { throw InternalError("a command for \(device.id) was not accepted") }
        try insertCommand(accepted.id, place, number: number, session: new.session, priority: new.priority)
        let command = DeviceCommand(
            id: accepted.id, device: device.id, number: number, session: new.session, type: new.type,
            parameters: new.parameters, priority: new.priority,
            status: needsApproval ? .pendingApproval : .pending, createdAt: now)
        return (command, jobs)
    }

    /// Lets a command be claimed, or ends it; it waits for that in a session of the customer's.
    ///
    /// Throws `Refusal.notFound`, `.notYours`, `.wrongState` when it doesn't wait for approval.
    /// - Parameter reason: why it isn't approved.
    package func decideCommand(
        _ id: JobID, in session: SessionID, of customer: CustomerID, isApproved: Bool, reason: String?, actor: String
    ) throws {
        let session = try lockSession(session, of: customer)
        guard let command = try deviceCommand(id), command.session == session.id else {
            throw Refusal.notFound("command")
        }
        _ = try device(session.device, of: customer)
        guard session.isActive(at: now) else {
            throw Refusal.wrongState(
                "the session is \(session.status(at: now).rawValue); nothing can be approved in it any more")
        }
        let type: EventType = isApproved ? .commandApproved : .commandRejected
        guard let job = try isApproved ? approve(id) : deleteBlocked([id]).first else {
            throw Refusal.wrongState("the command is \(command.status.rawValue), it does not wait for approval")
        }
        if isApproved {
            try note([job.change(.pending, waiting: 1, concernsDevice: true)].compactMap { $0 })
        } else {
            let ended = Ended(
                job: job, state: .cancelled, reason: DeviceCommand.Status.rejection, outcome: nil, error: reason)
            try end([ended], by: actor)
        }
        try record(Event(owner: customer.owner, type: type, actor: actor, object: id.text))
    }

    /// Cancels a customer's command.
    ///
    /// Throws `Refusal.notFound`, `.notYours`, `.jobEnded`.
    package func cancelCommand(_ id: JobID, of device: DeviceID, customer: CustomerID, actor: String) throws {
        _ = try self.device(device, of: customer)
        guard try isCommand(id, of: device) else { throw Refusal.notFound("command") }
        try cancel(id, owner: customer.owner, actor: actor)
    }

    // MARK: Sessions

    /// Opens a session. Throws `Refusal.notFound`, `.notYours`, `.wrongState` while another is active.
    package func openSession(
        _ id: SessionID, device: DeviceID, customer: CustomerID, kind: DeviceSession.Kind, description: String?
    ) throws -> DeviceSession {
        guard let found = try lockDevice(device) else { throw Refusal.notFound("device") }
        guard found.customer == customer else { throw Refusal.notYours("device") }
        if let active = try activeSession(of: device) {
            throw Refusal.wrongState("the session \(active.id) of this device is active; end it first")
        }
        let session = DeviceSession(
            id: id, device: device, customer: customer, kind: kind, description: description, createdAt: now,
            expiresAt: now + DeviceSession.lasts, endedAt: nil)
        try insertSession(session)
        try record(Event(owner: customer.owner, type: .deviceSessionOpened, actor: customer.text, object: id.text))
        return session
    }

    /// A customer's session. Throws `Refusal.notFound`, `.notYours`.
    package func deviceSession(_ id: SessionID, of customer: CustomerID) throws -> DeviceSession {
        try owned(deviceSession(id), by: customer)
    }

    /// The same, locked.
    private func lockSession(_ id: SessionID, of customer: CustomerID) throws -> DeviceSession {
        try owned(lockSession(id), by: customer)
    }

    private func owned(_ session: DeviceSession?, by customer: CustomerID) throws -> DeviceSession {
        guard let session else { throw Refusal.notFound("session") }
        guard session.customer == customer else { throw Refusal.notYours("session") }
        return session
    }

    /// Ends a session; what waits for approval in it is cancelled soon. Throws `Refusal.notFound`, `.notYours`,
    /// `.wrongState`.
    package func endSession(_ id: SessionID, of customer: CustomerID, actor: String) throws -> DeviceSession {
        let before = try deviceSession(id, of: customer)
        guard try endSession(id), let session = try deviceSession(id) else {
            throw Refusal.wrongState("the session is \(before.status(at: now).rawValue)")
        }
        try record(Event(owner: customer.owner, type: .deviceSessionEnded, actor: actor, object: id.text))
        return session
    }

    /// Cancels what still waits for approval in sessions that are over, at most `commands` of each; returns whether
    /// there may be more.
    package func closeSessions(_ picking: Picking, commands: Int) throws -> Bool {
        let over = try lockOverSessions(picking)
        picking.note(over.map(\.text))
        for id in over {
            let ids = try unapproved(in: id, limit: commands)
            let jobs = try deleteBlocked(ids.sorted())
            try end(
                jobs.map {
                    Ended(job: $0, state: .cancelled, reason: DeviceCommand.Status.unapproved, outcome: nil)
                }, by: "system")
            guard ids.count < commands else { return true }
            try closeSession(id)
        }
        return over.count == picking.limit
    }
}
