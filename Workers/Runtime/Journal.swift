package import Bytes
package import Domain
internal import Glibc
internal import Synchronization
internal import Wire

/// What a daemon owes its server, in a file that outlives it: leases that it holds, results that nobody has answered
/// yet, and the claim it waits for. A daemon that was killed leaves its file to the next one, which says what became
/// of them.
///
/// Written without `fsync`: the file survives the daemon whatever kills it. Power that fails costs a second run of what
/// was not answered, never a second payment: the fence keeps the first result out.
package final class Journal: Sendable {
    /// What an earlier life left behind.
    struct UnreportedResults: Sendable, Equatable {
        /// Work that died with its daemon, by claim token the job.
        var lost: [String: JobID] = [:]
        /// Results that may not have arrived, each with its job's id.
        var results: [ResultReport] = []
        /// Claims whose answer was not heard, by request id: the same again gets the same jobs.
        var claims: [String] = []
    }

    /// Larger files are written anew with what is still owed.
    private static let compactionBytes = 4 << 20

    private struct State: ~Copyable {
        var file: JournalFile
        var size = 0
        /// Each open lease's lines, by claim token.
        var open: [String: [UInt8]] = [:]
    }

    private let folder: String
    private let workerID: MachineID
    private let state: Mutex<State>
    private let unreported: Mutex<UnreportedResults>

    /// Makes the folder if it is missing, takes what dead daemons of this worker left in it, and removes their files
    /// once that stands in the new one.
    /// - Throws: when the folder or the file can't be written.
    package init(in folder: String, workerID: MachineID, world: World = .live) throws(JournalProblem) {
        self.folder = folder
        self.workerID = workerID
        try JournalFile.makeFolder(folder)
        let file = try JournalFile(creating: "\(folder)/\(Hex.encode(world.random(8)))\(JournalFile.suffix)")
        var state = State(file: file)
        var unreported = UnreportedResults()
        let dead = JournalFile.deadFiles(in: folder, besides: state.file.path)
        for old in dead {
            for (token, lines, debt) in Self.read(old, of: workerID) {
                state.open[token] = lines
                switch debt {
                case .lost(let job): unreported.lost[token] = job
                case .result(let report): unreported.results.append(report)
                case .claim: unreported.claims.append(token)
                }
            }
        }
        try state.file.write(Self.whole(state.open, workerID))
        for old in dead { old.remove() }
        self.state = Mutex(state)
        self.unreported = Mutex(unreported)
    }

    /// Takes what earlier lives owed. A second call gets nothing.
    func takeUnreported() -> UnreportedResults {
        unreported.withLock { unreported in
            defer { unreported = UnreportedResults() }
            return unreported
        }
    }

    /// From now on the server may have granted jobs under this request id, until it is settled.
    func recordClaim(_ requestID: String) {
        state.withLock { state in
            // Asked again, it is one claim still.
            guard state.open[requestID] == nil else { return }
            let line: JSON = ["claim": true, "token": .string(requestID)]
            state.open[requestID] = Self.bytes(line)
            Self.write(line, to: &state)
        }
    }

    /// From now on this lease is owed an end.
    func recordLease(_ job: ClaimedJob) {
        append(job.claimToken, ["lease": .string(job.id.text), "token": .string(job.claimToken)])
    }

    /// From now on it is this result that is owed.
    func recordResult(_ report: ResultReport) {
        append(report.claimToken, ["result": report.json, "token": .string(report.claimToken)])
    }

    /// Nothing is owed any more: the server has answered, or the lease is another's.
    func resolve(_ claimToken: String) {
        state.withLock { state in
            guard state.open.removeValue(forKey: claimToken) != nil else { return }
            Self.write(["settled": .string(claimToken)], to: &state)
            guard state.open.isEmpty || state.size > Self.compactionBytes else { return }
            compact(&state)
        }
    }

    /// The daemon has ended in order: its file goes, or is the next one's when something is still owed.
    func close() {
        state.withLock { state in
            if state.open.isEmpty { state.file.remove() }
            state.file.close()
        }
    }

    private func append(_ token: String, _ line: JSON) {
        state.withLock { state in
            state.open[token, default: []] += Self.bytes(line)
            Self.write(line, to: &state)
        }
    }

    /// A disk that is full costs the memory of a crash, not the job.
    private static func write(_ line: JSON, to state: inout State) {
        let bytes = bytes(line)
        state.size += bytes.count
        try? state.file.write(bytes)
    }

    private func compact(_ state: inout State) {
        guard state.size > 0, (try? state.file.replace(with: Self.whole(state.open, workerID))) != nil else { return }
        state.size = 0
    }

    private static func whole(_ open: [String: [UInt8]], _ workerID: MachineID) -> [UInt8] {
        open.values.reduce(bytes(["worker": .string(workerID.text)]), +)
    }

    private static func bytes(_ line: JSON) -> [UInt8] {
        line.bytes(.compact) + [UInt8(ascii: "\n")]
    }

    // MARK: Reading

    private enum UnreportedResult {
        case lost(JobID)
        case result(ResultReport)
        case claim
    }

    /// The last line may be torn; one that is no JSON is passed over.
    private static func read(_ file: DeadJournal, of workerID: MachineID) -> [(String, [UInt8], UnreportedResult)] {
        var worker: String?
        var open: [String: (order: Int, lines: [UInt8], debt: UnreportedResult)] = [:]
        for line in file.bytes.split(separator: UInt8(ascii: "\n")) {
            guard let json = try? JSON(parsing: Array(line)) else { continue }
            if let id = json["worker"]?.string { worker = id }
            if let token = json["settled"]?.string { open[token] = nil }
            guard let token = json["token"]?.string else { continue }
            let debt: UnreportedResult
            if let job = json["lease"]?.string {
                debt = .lost(JobID(job))
            } else if let result = json["result"], let report = try? ResultReport(item: result) {
                debt = .result(report)
            } else if json["claim"] == true {
                debt = .claim
            } else {
                continue
            }
            let before = open[token]
            open[token] = (before?.order ?? open.count, (before?.lines ?? []) + line + [UInt8(ascii: "\n")], debt)
        }
        // Another worker's tokens are no use to this one.
        guard worker == workerID.text else { return [] }
        return open.sorted { $0.value.order < $1.value.order }.map { ($0.key, $0.value.lines, $0.value.debt) }
    }
}
