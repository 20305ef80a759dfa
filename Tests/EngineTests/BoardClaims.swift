import Domain
import Store
import Support
@testable import Engine

/// The claims of the board: the steps of `LongPolls.claim` and `Transaction.claim`, with a pause between any two.
extension BoardModel {
    /// What becomes of a claim's transaction.
    private enum Fate {
        case commit
        /// Its locks go with it.
        case rollBack
        /// The claim fails, the server notices later.
        case cut
        /// The claim fails, and the server has committed it.
        case unknown
        /// It is run again.
        case again
        /// Nothing happens for up to twelve seconds; then it is cut.
        case hang
    }

    /// One look of a claim: what it has locked, and what it will answer.
    private struct Look {
        let process: BoardProcess
        let claim: BoardClaim
        let reads: ClassReads
        var answer: ClaimAnswer
        var taken: [BoardRow] = []
        var left: [BoardRow] = []
        var isFull = false
    }

    /// A worker claims; when that has ended it soon claims again.
    func open(_ process: BoardProcess) {
        var offer = Offer(worker: "worker", owner: "farmer", kinds: [.compute])
        offer.queues = chance.pick([nil, nil, ["queue-0"], ["queue-1"]]) ?? nil
        let claim = BoardClaim(
            process.waiting.enter(), offer, limit: chance.pick([1, 1, 2, 10]) ?? 1,
            deadline: time.now + chance.number(0...20_000))
        process.claims[claim.number] = claim
        look(process, claim)
    }

    private func close(_ process: BoardProcess, _ claim: BoardClaim) {
        let more = process.waiting.leave(claim.number)
        process.claims[claim.number] = nil
        // In a fixed order, so that a seed is a run.
        for wakeUp in more == claim.woken ? [more] : [claim.woken, more] {
            if let wakeUp { wake(process, wakeUp, count: 1) }
        }
        later(200) { self.open(process) }
    }

    private func look(_ process: BoardProcess, _ claim: BoardClaim) {
        claim.state = .looking
        claim.isNotified = false
        claim.woken = process.waiting.look(claim.number, claim.offer)
        let look = Look(
            process: process, claim: claim, reads: ClassReads(process.index), answer: ClaimAnswer(offer: claim.offer))
        later(chances.queueing) { self.read(look) }
    }

    private func read(_ start: Look) {
        var look = start
        let limit = look.claim.limit
        let heads = look.reads.hints.classes(look.claim.offer)
        for first in stride(from: 0, to: heads.count, by: 16) where look.taken.count < limit {
            let room = limit - look.taken.count
            var picks: [BoardRow] = []
            for head in heads[first..<min(first + 16, heads.count)] {
                look.answer.asked[head.id] = ClassObservation()
                if head.fromTag == .min { look.isFull = true }
                picks += (rows[head.id] ?? []).lazy.filter { !$0.isLocked && $0.tag >= head.fromTag }.prefix(room)
            }
            for pick in picks.sorted(by: { ($0.tag, $0.number) < ($1.tag, $1.number) }) {
                pick.isLocked = true
                if look.taken.count < limit {
                    look.taken.append(pick)
                    look.answer.asked[pick.classID]?.take(pick.candidate)
                } else {
                    look.left.append(pick)
                    look.answer.asked[pick.classID]?.leave(pick.candidate)
                }
            }
        }
        look.answer.grants = look.taken.compactMap { row in needs[row.classID].map { grant(row, $0) } }
        time.after(look.isFull ? chance.number(0...chances.fullReadCost) : 0) { [look] in
            self.step { self.end(look, self.fate()) }
        }
    }

    private func grant(_ row: BoardRow, _ need: Requirement) -> Grant {
        Grant(
            id: row.candidate.id, owner: row.candidate.owner, title: "", requirement: need, spec: "", token: "",
            fence: 1, attempt: 1, visibleUntil: 0, visibilityTimeout: 0, leaseEnds: 0)
    }

    private func fate() -> Fate {
        guard chance.number(0...999) < chances.failing else { return .commit }
        return chance.pick([.rollBack, .cut, .cut, .unknown, .again, .hang]) ?? .commit
    }

    private func end(_ look: Look, _ fate: Fate) {
        switch fate {
        case .commit:
            take(look.taken)
            for row in look.left { row.isLocked = false }
            // The answer may be late: others have learnt more by then.
            step { self.answered(look) }
        case .rollBack:
            free(look)
            fail(look)
        case .cut:
            later(3_000) { self.free(look) }
            fail(look)
        case .unknown:
            take(look.taken)
            for row in look.left { row.isLocked = false }
            fail(look)
        case .again:
            free(look)
            let (process, claim) = (look.process, look.claim)
            let again = Look(
                process: process, claim: claim, reads: look.reads, answer: ClaimAnswer(offer: claim.offer))
            step { self.read(again) }
        case .hang:
            look.claim.state = .hanging
            later(12_000) { self.end(look, .cut) }
        }
    }

    /// Its locks are gone, and what it had locked may be claimed from now on.
    private func free(_ look: Look) {
        for row in look.taken + look.left {
            row.isLocked = false
            row.waited = 0
        }
    }

    private func fail(_ look: Look) {
        look.reads.fail()
        close(look.process, look.claim)
    }

    private func answered(_ look: Look) {
        let (process, claim) = (look.process, look.claim)
        look.reads.end(look.answer)
        let wakeUps = WaitingClaims.wakeUps(after: look.answer, woken: claim.woken, locks: true, process.index)
        claim.woken = nil
        for (wakeUp, count) in wakeUps.sorted(by: { $0.key.classID < $1.key.classID }) {
            wake(process, wakeUp, count: count)
        }
        if !look.answer.grants.isEmpty { return close(process, claim) }
        process.waiting.rest(claim.number, claim.offer)
        let left = claim.deadline - time.now
        if left <= 0 { return close(process, claim) }
        if claim.isNotified { return self.look(process, claim) }
        claim.state = .asleep
        claim.turn += 1
        let turn = claim.turn
        time.after(min(left, WaitingClaims.longestSleep)) {
            if claim.state == .asleep, claim.turn == turn { self.look(process, claim) }
        }
    }

    func wake(_ process: BoardProcess, _ wakeUp: WakeUp, count: Int) {
        guard let need = needs[wakeUp.classID] else { return }
        for number in process.waiting.wake(wakeUp, count: count, fitting: need) {
            guard let claim = process.claims[number] else { continue }
            if claim.state == .asleep {
                claim.state = .looking
                later(5) { self.look(process, claim) }
            } else {
                claim.isNotified = true
            }
        }
    }
}
