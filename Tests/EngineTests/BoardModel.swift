import Bytes
import Domain
import Support
@testable import Engine
@testable import Store

/// How likely what is, in one run of the board.
struct BoardChances {
    var processes: Int
    var classes: Int
    var claims: Int
    /// In thousandths, of the claims that run into it.
    var failing: Int
    /// In hundredths, of the hints to other processes.
    var hintsLost: Int
    /// The most that a full read takes longer than one from the mark, in milliseconds.
    var fullReadCost: Int64
    /// The most that a transaction waits for a connection, in milliseconds.
    var queueing: Int64

    init(_ chance: inout ModelChance) {
        processes = chance.pick([1, 1, 2, 3]) ?? 1
        classes = chance.oneIn(12) ? 90 : Int(chance.number(1...3))
        claims = Int(chance.number(1...6))
        failing = chance.pick([0, 20, 100, 250]) ?? 0
        hintsLost = chance.pick([0, 30, 100]) ?? 0
        fullReadCost = chance.pick([1, 50, 400]) ?? 0
        queueing = chance.pick([5, 50, 300]) ?? 0
    }
}

/// A job that is committed as pending.
final class BoardRow {
    let number: Int
    let classID: ClassID
    let tag: Int64
    var isLocked = false
    /// For how long it was free while a claim that fits it slept, in milliseconds.
    var waited: Int64 = 0

    init(_ number: Int, _ classID: ClassID, _ tag: Int64) {
        self.number = number
        self.classID = classID
        self.tag = tag
    }

    var candidate: Candidate {
        Candidate(id: JobID("job-\(number)"), owner: OwnerID("owner"), classID: classID, tag: tag, since: 0)
    }
}

/// A process: the real class index and the real list of waiting claims.
final class BoardProcess {
    let number: Int
    let index: ClassIndex
    var waiting = WaitingClaims()
    var claims: [Int: BoardClaim] = [:]

    init(_ number: Int, _ world: World) {
        self.number = number
        index = ClassIndex(world: world)
    }
}

/// A claim that waits.
final class BoardClaim {
    enum State { case looking, asleep, hanging }

    let number: Int
    let offer: Offer
    let limit: Int
    let deadline: Int64
    var state = State.looking
    var woken: WakeUp?
    var isNotified = false
    /// Its sleeps are counted, so that an alarm ends only its own.
    var turn = 0

    init(_ number: Int, _ offer: Offer, limit: Int, deadline: Int64) {
        self.number = number
        self.offer = offer
        self.limit = limit
        self.deadline = deadline
    }
}

/// Several processes that submit, claim and poll at one table in virtual time, where locks are passed over and
/// everything may fail, come late or get lost. The rows are a model; what decides where claims read, who is woken and
/// who sleeps is the product's (`ClassIndex`, `ClassReads`, `WaitingClaims`).
final class BoardModel {
    static let bound: Int64 = 5_000

    let time = BoardTime()
    var chance: ModelChance
    let chances: BoardChances
    let needs: [ClassID: Requirement]
    /// What is committed, pending and not taken, in the order of tags.
    var rows: [ClassID: [BoardRow]] = [:]
    private(set) var processes: [BoardProcess] = []
    private var lastRow = 0
    private(set) var granted = 0
    /// The longest that a job waited, in milliseconds.
    private(set) var longest: Int64 = 0

    init(seed: UInt64) {
        chance = ModelChance(seed: seed)
        chances = BoardChances(&chance)
        var needs: [ClassID: Requirement] = [:]
        for number in 0..<chances.classes {
            needs[ClassID(Int64(number + 1))] = Requirement(
                kind: .compute, queue: "queue-\(number % 2)", priority: Int64(number % 3))
        }
        self.needs = needs
        for number in 0..<chances.processes {
            let process = BoardProcess(number, time.world)
            process.index.add(needs.map { ($0.key, $0.value) })
            processes.append(process)
        }
    }

    /// Runs for so many milliseconds, or until a job waits for too long.
    func run(_ milliseconds: Int64) {
        for process in processes {
            for _ in 0..<chances.claims { later(200) { self.open(process) } }
            later(1_000) { self.poll(process) }
            later(100) { self.keepSubmitting(process) }
        }
        watch()
        time.run(until: milliseconds) { self.longest <= Self.bound }
    }

    /// Within so many milliseconds.
    func later(_ most: Int64, _ body: @escaping () -> Void) { time.after(chance.number(0...most), body) }

    /// How long a step takes: mostly little, now and then half a second.
    func step(_ body: @escaping () -> Void) { later(chance.oneIn(50) ? 500 : 10, body) }

    func percent(_ share: Int) -> Bool { chance.number(0...99) < share }

    private func watch() {
        for (id, rows) in rows where !rows.isEmpty {
            guard let need = needs[id], processes.contains(where: { isAwaited(need, in: $0) }) else { continue }
            for row in rows where !row.isLocked {
                row.waited += 100
                longest = max(longest, row.waited)
            }
        }
        time.after(100) { self.watch() }
    }

    private func isAwaited(_ need: Requirement, in process: BoardProcess) -> Bool {
        process.claims.values.contains { $0.state == .asleep && $0.offer.fits(need) }
    }

    // MARK: Submissions

    private func keepSubmitting(_ process: BoardProcess) {
        if let id = needs.keys.sorted().randomElement(using: &chance) {
            submit(process, id, count: chance.oneIn(10) ? Int(chance.number(5...40)) : Int(chance.number(1...3)))
        }
        later(chance.oneIn(8) ? 6_000 : 500) { self.keepSubmitting(process) }
    }

    private func submit(_ process: BoardProcess, _ id: ClassID, count: Int) {
        var tags: [Int64] = []
        for _ in 0..<count {
            let tag = process.index.tag(id, owner: OwnerID("owner-\(chance.number(0...3))"), cost: 1_000)
            // What has had its turn comes back in its old place.
            tags.append(chance.oneIn(6) ? chance.number(0...tag) : tag)
        }
        // Tags are given before the commit, which may be late.
        time.after(chance.oneIn(20) ? chance.number(0...3_000) : chance.number(1...20)) {
            if self.percent(3) { return }
            for tag in tags { self.insert(id, tag) }
            // Whoever doesn't know that it was committed tells nobody.
            if self.percent(5) { return }
            self.step { self.announce(process, id, tags) }
        }
    }

    private func insert(_ id: ClassID, _ tag: Int64) {
        lastRow += 1
        let row = BoardRow(lastRow, id, tag)
        let index = rows[id]?.firstIndex { ($0.tag, $0.number) > (tag, row.number) } ?? rows[id]?.count ?? 0
        rows[id, default: []].insert(row, at: index)
    }

    private func announce(_ process: BoardProcess, _ id: ClassID, _ tags: [Int64]) {
        guard let lowest = tags.min() else { return }
        for other in processes {
            if other === process {
                process.index.ready(id, tag: lowest, owner: OwnerID("owner"))
                wake(process, WakeUp(classID: id), count: tags.count)
            } else if !percent(chances.hintsLost) {
                later(30) {
                    other.index.ready(id, tag: lowest)
                    self.wake(other, WakeUp(classID: id), count: tags.count)
                }
            }
        }
    }

    /// A claim's rows are gone.
    func take(_ taken: [BoardRow]) {
        granted += taken.count
        for row in taken { rows[row.classID]?.removeAll { $0 === row } }
    }

    // MARK: The poller

    private func poll(_ process: BoardProcess) {
        let ids = process.index.polled
        poll(process, stride(from: 0, to: ids.count, by: 64).map { ids[$0..<min($0 + 64, ids.count)] })
    }

    /// One part after the other.
    private func poll(_ process: BoardProcess, _ parts: [ArraySlice<ClassID>]) {
        guard let part = parts.first else { return time.after(1_000) { self.poll(process) } }
        let (wanted, reads) = process.index.beginPoll(part)
        later(chances.queueing) {
            if self.percent(2) {
                process.index.endPoll(reads, nil)
                return self.later(1_000) { self.poll(process) }
            }
            // A snapshot, which locks don't hide anything from.
            let heads = wanted.compactMap { head in
                self.rows[head.id]?.first { $0.tag >= head.fromTag }.map { row in
                    QueueHead(id: head.id, tag: row.tag, since: 0, owner: OwnerID("owner"))
                }
            }
            self.time.after(reads.values.contains(where: \.isFull) ? self.chances.fullReadCost : 0) {
                self.step {
                    process.index.endPoll(reads, heads)
                    for head in heads {
                        self.wake(process, WakeUp(classID: head.id, isOpen: true), count: 1)
                    }
                    self.poll(process, Array(parts.dropFirst()))
                }
            }
        }
    }
}
