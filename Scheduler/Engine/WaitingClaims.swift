internal import Domain
internal import Store

/// A hint that jobs of a class are ready.
struct WakeUp: Hashable, Sendable {
    let classID: ClassID
    /// Nobody knows for how many: who finds something wakes two others, until one finds nothing.
    var isOpen = false
}

/// The claims that wait, and who of them is woken: a wake-up for so many jobs of a class goes to as many claims that
/// fit it. Each is handed what it was woken for, and passes it on if it can't follow it.
struct WaitingClaims: Sendable {
    /// Even if every hint were lost, a waiting claim looks this often, in milliseconds: with the time that it then
    /// takes, within the five seconds in which a job meets a claim that waits for it.
    static let longestSleep: Int64 = 4_000

    private struct Waiter: Sendable {
        let number: Int
        var offer: Offer
        var isLooking: Bool
    }

    private var lastNumber = 0
    /// Who has waited the longest comes first.
    private var waiters: [Waiter] = []
    /// What the claims that were woken are to look at.
    private var handed: [Int: WakeUp] = [:]

    /// How many wait.
    var count: Int { waiters.count }

    /// A number for a new claim.
    mutating func enter() -> Int {
        lastNumber += 1
        return lastNumber
    }

    /// A claim is about to look, listed as waiting: what becomes ready in between wakes it. Returns what it was
    /// woken for.
    mutating func look(_ number: Int, _ offer: Offer) -> WakeUp? {
        if let index = index(number) {
            waiters[index].isLooking = true
        } else {
            waiters.append(Waiter(number: number, offer: offer, isLooking: true))
        }
        return handed.removeValue(forKey: number)
    }

    /// A claim has looked and got nothing. Its offer is known better now, as machine and policy have been asked; it
    /// changes nothing for one that has been woken meanwhile.
    mutating func rest(_ number: Int, _ offer: Offer) {
        guard let index = index(number) else { return }
        waiters[index].offer = offer
        waiters[index].isLooking = false
    }

    /// A claim ends. Returns what it was woken for and hasn't looked at, which goes to the next.
    mutating func leave(_ number: Int) -> WakeUp? {
        waiters.removeAll { $0.number == number }
        return handed.removeValue(forKey: number)
    }

    /// Hands a wake-up to at most `count` claims that fit, those that wait the longest first; those that just look come
    /// last, as nobody knows how long that takes. Returns their numbers.
    mutating func wake(_ wakeUp: WakeUp, count: Int, fitting need: Requirement) -> [Int] {
        var numbers: [Int] = []
        for isLooking in [false, true] {
            for waiter in waiters where waiter.isLooking == isLooking {
                guard numbers.count < count else { break }
                if waiter.offer.fits(need) { numbers.append(waiter.number) }
            }
        }
        guard !numbers.isEmpty else { return [] }
        let woken = Set(numbers)
        waiters.removeAll { woken.contains($0.number) }
        for number in numbers { handed[number] = wakeUp }
        return numbers
    }

    private func index(_ number: Int) -> Int? { waiters.firstIndex { $0.number == number } }

    /// The wake-ups that follow from a claim's answer, with how many each wakes.
    /// - Parameters:
    ///   - woken: what the claim was woken for.
    ///   - locks: whether claims run side by side and pass over what others have locked, as on PostgreSQL.
    static func wakeUps(
        after answer: ClaimAnswer, woken: WakeUp?, locks: Bool, _ classIndex: ClassIndex
    ) -> [WakeUp: Int] {
        var wakeUps: [WakeUp: Int] = [:]
        if locks {
            // It locked a job and left it: until its commit others passed that job over, and may have gone to sleep
            // believing that nothing is there.
            for (id, seen) in answer.asked where seen.left != nil { wakeUps[WakeUp(classID: id)] = 1 }
        }
        guard let woken, let need = classIndex.requirement(woken.classID) else { return wakeUps }
        let seen = answer.asked[woken.classID]
        if seen?.taken != nil {
            if woken.isOpen { wakeUps[woken] = 2 }
        } else if seen?.isEmpty == false || !answer.offer.fits(need) {
            wakeUps[woken] = 1
        } else if seen == nil, !answer.grants.isEmpty, classIndex.mayHold(woken.classID) {
            // It got others before it came to this class. (What is believed to be empty is nobody's.)
            wakeUps[woken] = 1
        }
        return wakeUps
    }
}
