internal import Bytes
package import Domain

/// What a claim needs to know from the process: which classes may hold something for this offer, best first, and
/// who has had least service. Only hints: what is granted is decided by the rows. `classes` is called each time that
/// the transaction runs, after it began and before it reads a class.
package struct ClaimHints: Sendable {
    package var classes: @Sendable (Offer) -> [JobClass.Head]
    package var service: @Sendable (OwnerID) -> Int64

    package init(
        classes: @escaping @Sendable (Offer) -> [JobClass.Head], service: @escaping @Sendable (OwnerID) -> Int64
    ) {
        self.classes = classes
        self.service = service
    }
}

extension JobClass {
    /// A class as a claim meets it.
    package struct Head: Sendable {
        package var id: ClassID
        package var requirement: Requirement
        /// The priority that counts now, 0–9 (`Ageing`).
        package var priority: Int64
        /// Where to read from (`LowWaterMark`).
        package var fromTag: Int64

        package init(id: ClassID, requirement: Requirement, priority: Int64, fromTag: Int64) {
            self.id = id
            self.requirement = requirement
            self.priority = priority
            self.fromTag = fromTag
        }
    }
}

/// The grants of a claim, and what was learnt about the classes asked.
package struct ClaimAnswer: Sendable {
    package var grants: [Grant] = []
    /// How long each of them waited since it was ready, in milliseconds.
    package var waits: [Int64] = []
    /// The offer as it really is: machine, policy and consent at this moment.
    package var offer: Offer
    /// Whether a claim with the same request id was granted something before: it gets that, as far as it still holds
    /// it, and never anything else.
    package var isRepeated = false
    /// Of each class that was read. One that was offered and isn't here was not read, or not to the end.
    package var asked: [ClassID: ClassObservation] = [:]

    package init(offer: Offer) { self.offer = offer }
}

/// What a claim saw of a class that it asked.
package struct ClassObservation: Sendable {
    /// The smallest and the largest tag that it took.
    package private(set) var taken: ClosedRange<Int64>?
    /// The first that it saw and left there: for want of room, or because others went before.
    package private(set) var left: Candidate?

    package init() {}

    /// Nothing waited, as far as it saw: what others had locked it passed over.
    package var isEmpty: Bool { taken == nil && left == nil }

    package mutating func take(_ candidate: Candidate) {
        let tag = candidate.tag
        taken = min(tag, taken?.lowerBound ?? tag)...max(tag, taken?.upperBound ?? tag)
    }

    package mutating func leave(_ candidate: Candidate) {
        guard let before = left else {
            left = candidate
            return
        }
        if (candidate.tag, candidate.id) < (before.tag, before.id) { left = candidate }
    }
}

extension Transaction {
    /// How many classes one statement asks.
    private static let classesPerStatement = 16

    /// The most bytes of specs that one claim is granted: what is more waits for the next. One job it gets in any case.
    package static let specBytesPerClaim: Int64 = 8 << 20

    /// Grants pending jobs to a worker: those that fit what its owner's active policy, its consent and its
    /// capacity allow at this moment, by priority, then by who was served least. None fits: an empty answer.
    package func claim(_ claim: Claim, hints: ClaimHints) throws -> ClaimAnswer {
        var claim = claim
        let offer = try claim.device.map { try self.offer(&claim, of: $0) } ?? offer(claim)
        var answer = ClaimAnswer(offer: offer)
        let worker = MachineID(claim.offer.worker)
        let request = claim.request
        if let request, try isAnswered(request, of: worker) {
            answer.isRepeated = true
            answer.grants = try regrant(claim, worker: worker, request: request, network: offer.network)
            return answer
        }
        guard !offer.kinds.isEmpty else { return answer }
        let heads = claim.device == nil ? hints.classes(offer) : [.deviceCommands]
        let needs = Dictionary(heads.map { ($0.id, $0) }) { first, _ in first }
        var left = offer
        var chosen: [Pick] = []
        var bytes: Int64 = 0
        for part in heads.parts(of: Self.classesPerStatement) where chosen.count < claim.limit {
            let asked = part.map { head in
                // The mark is where the living begin for everybody: what is barred from one worker may lie before it.
                let isAudit = head.requirement.kind == .audit
                return ClassHead(
                    id: head.id, fromTag: isAudit ? .min : head.fromTag,
                    barred: isAudit ? OwnerID(claim.offer.owner) : nil, device: claim.device)
            }
            let picks = try pick(asked[...], limit: claim.limit - chosen.count)
            for head in part { answer.asked[head.id] = ClassObservation() }
            for pick in Placement.rank(picks, heads: needs, service: hints.service) {
                let id = pick.candidate.classID
                if chosen.count < claim.limit, bytes + pick.specBytes <= Self.specBytesPerClaim || chosen.isEmpty,
                    let need = needs[id]?.requirement, left.hasRoom(for: need)
                {
                    left.place(need)
                    bytes += pick.specBytes
                    chosen.append(pick)
                    answer.asked[id]?.take(pick.candidate)
                } else {
                    answer.asked[id]?.leave(pick.candidate)
                }
            }
        }
        // A class that only holds what is barred from this worker isn't empty.
        for head in heads where head.requirement.kind == .audit && answer.asked[head.id]?.isEmpty == true {
            if try isHolding(head.id) { answer.asked[head.id] = nil }
        }
        guard !chosen.isEmpty else { return answer }
        try readLargeSpecs(of: &chosen)
        answer.grants = chosen.compactMap { pick in
            needs[pick.candidate.classID].map { grant(pick, $0.requirement, claim, network: offer.network) }
        }
        answer.waits = chosen.map { max(0, now - $0.candidate.since) }
        let rows = answer.grants.map {
            GrantRow(
                id: $0.id, tokenHash: SHA256.hex($0.token), visibleUntil: $0.visibleUntil,
                visibilityTimeout: $0.visibilityTimeout, hourlyPrice: offer.asking.rate(of: $0.requirement))
        }
        try grant(rows.sorted { $0.id < $1.id }, worker: worker, request: request)
        if let request { try noteAnswered(request, of: worker) }
        if let device = claim.device {
            try note(
                answer.grants.map {
                    DeviceChange(
                        device: device, job: $0.id, status: DeviceCommand.Status.claimed.rawValue, waiting: -1)
                })
        }
        try record(claimed(answer.grants, by: worker))
        return answer
    }

    private func readLargeSpecs(of picks: inout [Pick]) throws {
        let large = try specs(of: picks.filter { $0.spec == nil }.map(\.candidate.id))
        for index in picks.indices where picks[index].spec == nil {
            picks[index].spec = large[picks[index].candidate.id]
        }
    }

    /// What a device may be given: its own commands, while it is active, up to what it may hold.
    private func offer(_ claim: inout Claim, of device: DeviceID) throws -> Offer {
        guard try lockActive(device) else { return claim.offer.void }
        guard let most = claim.mostHeld else { return claim.offer }
        let room = try most - heldCommands(of: device, limit: most)
        claim.limit = min(claim.limit, room)
        return room > 0 ? claim.offer : claim.offer.void
    }

    /// One event per owner whose jobs were claimed.
    private func claimed(_ grants: [Grant], by worker: MachineID) -> [Event] {
        Dictionary(grouping: grants, by: \.owner).sorted { $0.key < $1.key }.map { owner, grants in
            var metadata = JSONWriter(capacity: 64 + grants.count * 40)
            metadata.beginObject()
            metadata.key("jobs")
            metadata.beginArray()
            for grant in grants { metadata.string(grant.id.text) }
            metadata.endArray()
            metadata.endObject()
            return Event(
                owner: owner, type: .jobsClaimed, actor: worker.text, object: grants.first?.id.text ?? "",
                metadata: String(decoding: metadata.bytes, as: UTF8.self))
        }
    }

    private func grant(_ pick: Pick, _ need: Requirement, _ claim: Claim, network: Bool) -> Grant {
        let timeout = min(claim.visibilityTimeout ?? need.kind.visibilityTimeout, LeaseRules.longest)
        var grant = Grant(
            id: pick.candidate.id, owner: pick.candidate.owner, title: pick.title, requirement: need,
            spec: pick.spec ?? "", token: claim.token(for: pick.candidate.id, fence: pick.fence + 1),
            fence: pick.fence + 1, attempt: pick.attempt + 1, visibleUntil: now + timeout,
            visibilityTimeout: timeout, leaseEnds: now + LeaseRules.longest, network: network)
        grant.tag = pick.candidate.tag
        return grant
    }

    /// A repeated claim gets what it got before, as far as it still holds it.
    private func regrant(
        _ claim: Claim, worker: MachineID, request: String, network: Bool
    ) throws -> [Grant] {
        let held = try granted(to: worker, request: request)
        let classes = try classes(Set(held.map(\.0.candidate.classID)).sorted())
        let needs = Dictionary(classes.map { ($0.id, $0.requirement) }) { first, _ in first }
        return held.compactMap { pick, tokenHash, until, timeout, ends in
            // A device that has signed in anew derives other tokens: what it held it can't report any more.
            let token = claim.token(for: pick.candidate.id, fence: pick.fence)
            guard constantTimeEqual(SHA256.hex(token), tokenHash) else { return nil }
            return needs[pick.candidate.classID].map { need in
                var grant = Grant(
                    id: pick.candidate.id, owner: pick.candidate.owner, title: pick.title, requirement: need,
                    spec: pick.spec ?? "", token: token,
                    fence: pick.fence, attempt: pick.attempt, visibleUntil: until, visibilityTimeout: timeout,
                    leaseEnds: ends, network: network)
                grant.tag = pick.candidate.tag
                return grant
            }
        }
    }
}

extension JobClass.Head {
    /// The class of all commands.
    fileprivate static let deviceCommands = Self(
        id: ClassID(.deviceCommand), requirement: .deviceCommand, priority: Requirement.deviceCommand.priority,
        fromTag: .min)
}

extension Claim {
    /// Under what its answer is remembered; nil when nobody will ask again. A device's request ids are its session's.
    var request: String? {
        guard isRepeatable else { return nil }
        if device == nil { return SHA256.hex(requestID) }
        return Hex.encode(HMACSHA256.sign(key: secret, message: Array("request|\(requestID)".utf8)))
    }

    /// The claim token of a job: derived from the worker's own secret, which isn't stored, so that a repeated claim
    /// finds the same one and the database never holds it. 48 hex digits.
    func token(for job: JobID, fence: Int64) -> String {
        let mac = HMACSHA256.sign(key: secret, message: Array("claim|\(requestID)|\(job.text)|\(fence)".utf8))
        return Hex.encode(Array(mac.prefix(24)))
    }
}

enum Placement {
    /// The order in which picks are placed: priority first; then turns among the owners, so that many classes of one
    /// owner don't crowd out another's; then the owner served least; then the tag.
    static func rank(
        _ picks: [Pick], heads: [ClassID: JobClass.Head], service: (OwnerID) -> Int64
    ) -> [Pick] {
        guard Set(picks.map(\.candidate.classID)).count > 1 else {
            return picks.sorted { ($0.candidate.tag, $0.candidate.id) < ($1.candidate.tag, $1.candidate.id) }
        }
        var turns: [OwnerID: Int64] = [:]
        let keyed = picks.sorted { $0.candidate.tag < $1.candidate.tag }.map { pick in
            let owner = pick.candidate.owner
            turns[owner, default: 0] += 1
            return (
                priority: -(heads[pick.candidate.classID]?.priority ?? 0), turn: turns[owner] ?? 0,
                service: service(owner), pick: pick
            )
        }
        return keyed.sorted {
            ($0.priority, $0.turn, $0.service, $0.pick.candidate.since, $0.pick.candidate.id)
                < ($1.priority, $1.turn, $1.service, $1.pick.candidate.since, $1.pick.candidate.id)
        }.map(\.pick)
    }
}

extension Array {
    func parts(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
