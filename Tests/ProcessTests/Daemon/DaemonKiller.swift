import Bytes
import Glibc
import Support
import Synchronization
import Testing

/// Daemons that are killed at random moments and started again at once in the same state folders.
final class DaemonKiller: Sendable {
    struct Kill: Sendable {
        /// What the dead one left.
        let traces: DaemonTraces
        let processes: Int
        let processesGoneAfter: Duration
    }

    /// Jobs at once, a daemon.
    static let slots = 3
    /// Seconds: the next life tells of a loss long before, even on a busy machine.
    private static let lease = 12
    private let owner: FarmOwner
    private let size: ChaosSize
    private let seed: UInt64
    private let begun = Mutex(0)
    private let done = Mutex<[Kill]>([])
    private let living = Mutex<[Int: FarmDaemon]>([:])
    /// What the dead ones said, each life for itself.
    private let said = Mutex<[String]>([])
    private let finishedBefore = Mutex(0)
    private let states = Mutex<[String]>([])

    init(_ owner: FarmOwner, _ size: ChaosSize, seed: UInt64) {
        self.owner = owner
        self.size = size
        self.seed = seed
    }

    var kills: [Kill] { done.withLock { $0 } }

    /// Until so many kills are done; afterwards each daemon lives.
    func run(daemons: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<daemons { group.addTask { try await self.torment(number) } }
            try await group.waitForAll()
        }
    }

    private func torment(_ number: Int) async throws {
        var chance = Chance(seed: seed &+ UInt64(number) &+ 1)
        var daemon = try await start(number, in: Scratch.path("worker"))
        states.withLock { $0.append(daemon.state) }
        while let kill = begun.withLock({ begun in
            defer { begun += 1 }
            return begun < size.kills ? begun : nil
        }) {
            // Spread over all of the work, whatever the machine's speed; from its first moment on it may strike.
            let moment = Duration.milliseconds(chance.next(upTo: 900))
            let due = size.jobs * kill / (size.kills + size.kills / 10)
            try? await eventually("so many jobs are done", within: .seconds(5)) { finished >= due }
            try await World.live.sleep(moment)
            try await strike(daemon)
            daemon = try await start(number, in: daemon.state)
        }
    }

    /// Jobs that the daemons know to be done, about.
    private var finished: Int {
        living.withLock { $0.values.map(\.said) }.reduce(finishedBefore.withLock { $0 }) { $0 + Self.successes($1) }
    }

    private static func successes(_ said: String) -> Int {
        said.split(separator: "\n").count { $0.contains(" success in ") }
    }

    private func start(_ number: Int, in state: String) async throws -> FarmDaemon {
        let daemon = try await FarmDaemon(
            "killed \(number)", for: owner,
            ["--jobs", "\(Self.slots)", "--cpu", "16", "--memory", "16", "--lease-seconds", "\(Self.lease)"],
            state: state)
        living.withLock { $0[number] = daemon }
        return daemon
    }

    private func strike(_ daemon: FarmDaemon) async throws {
        let processes = RunningProcess.descendants(of: daemon.pid)
        daemon.signal(SIGKILL)
        #expect(try await daemon.end() == .killed(by: SIGKILL), "\(daemon.said)")
        let start = ContinuousClock.now
        let traces = DaemonTraces(in: daemon.state, output: ShortJobs.outputFile)
        // By its words it can be found in the failure.
        do {
            try await eventually("what it ran has died with it") { !processes.contains { $0.isAlive } }
        } catch {
            Issue.record("\(error): \(processes.filter(\.isAlive).map(\.words))")
        }
        let words = daemon.said
        said.withLock { $0.append(words) }
        finishedBefore.withLock { $0 += Self.successes(words) }
        done.withLock {
            $0.append(
                Kill(
                    traces: traces, processes: processes.count,
                    processesGoneAfter: processes.isEmpty ? .zero : ContinuousClock.now - start))
        }
    }

    /// SIGTERM to all that live.
    func drain() async throws {
        let daemons = living.withLock { $0.values.map(\.self) }
        for daemon in daemons { daemon.signal(SIGTERM) }
        for daemon in daemons {
            #expect(try await daemon.end() == .exited(0), "\(daemon.said)")
            said.withLock { $0.append(daemon.said) }
        }
    }

    func expectNothingLeft() {
        for state in states.withLock({ $0 }) {
            #expect(DaemonTraces.leftovers(in: state).isEmpty)
            #expect(ProcessTable.count(state) == 0)
        }
        #expect(DaemonTraces.controlGroups(of: Set(kills.flatMap(\.traces.lives))).isEmpty)
    }

    /// No daemon tells of success in a job that it knew to be lost, and no job succeeds twice.
    func expectNoWordAfterLoss() {
        var successes: [String: Int] = [:]
        for life in said.withLock({ $0 }) {
            var lost: Set<String> = []
            for line in life.split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count > 1 else { continue }
                let job = String(words[0])
                switch words[1] {
                case "claimed:": lost.remove(job)
                case "lost:": lost.insert(job)
                case "success":
                    #expect(!lost.contains(job), "\(line)")
                    successes[job, default: 0] += 1
                default: break
                }
            }
        }
        #expect(successes.values.allSatisfy { $0 == 1 })
    }

    /// What the kills struck, by what the dead held.
    static func phases(_ kills: [Kill]) -> [String] {
        func count(_ is: (Kill) -> Bool) -> Int { kills.count { `is`($0) } }
        return [
            "kills that found nothing held (between claims): \(count { $0.traces.leases + $0.traces.results == 0 })",
            "kills that found leases, no process (claimed, ending): "
                + "\(count { $0.traces.leases > 0 && $0.processes == 0 })",
            "kills that found running processes: \(count { $0.processes > 0 })",
            "kills that found a file made and not yet answered for (upload): \(count { $0.traces.outputs > 0 })",
            "kills that found unanswered results (report): \(count { $0.traces.results > 0 })",
        ]
    }
}
