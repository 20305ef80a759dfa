package import Bytes
package import Domain
internal import Glibc
internal import Synchronization
internal import Wire

/// What a daemon still has to report, in a file that outlives it: the leases that it holds, the results that the server
/// hasn't answered yet, and the claim in flight. The next daemon takes over the file of one that was killed, and
/// reports what became of them.
///
/// Written without `fsync`: the file survives the daemon whatever kills it. After a power failure unanswered jobs may
/// run a second time but are never paid twice: the fence rejects the first result.
package final class Journal: Sendable {
    /// What earlier runs left unreported.
    struct UnreportedResults: Sendable, Equatable {
        /// Jobs lost with their daemon, by claim token.
        var lost: [String: JobID] = [:]
        /// Results that may not have reached the server, each with its job's id.
        var results: [ResultReport] = []
        /// Request ids of claims without an answer: repeating one returns the same jobs.
        var claims: [String] = []
    }

    /// Larger files are rewritten with the open entries only.
    private static let compactionBytes = 4 << 20

    private struct State: ~Copyable {
        var file: JournalFile
        var size = 0
        /// The lines of each open entry, by token.
        var open: [String: [UInt8]] = [:]
    }

    private let folder: String
    private let workerID: MachineID
    private let state: Mutex<State>
    private let unreported: Mutex<UnreportedResults>

    /// Creates the folder if needed, copies the open entries of this worker's dead daemons into a new file, and then
    /// removes theirs.
    /// - Throws: when the folder or the file can't be written.
    package init(in folder: String, workerID: MachineID, world: World = .live) throws(JournalProblem) {
        self.folder = folder
        self.workerID = workerID
        try JournalFile.makeFolder(folder)
        let file = try JournalFile(creating: "\(folder)/\(Hex.encode(world.random(8)))\(JournalFile.suffix)")
        var state = State(file: file)
        var unreported = UnreportedResults()
        let orphans = JournalFile.orphans(in: folder, excluding: state.file.path)
        for old in orphans {
            for (token, lines, entry) in Self.read(old, of: workerID) {
                state.open[token] = lines
                switch entry {
                case .lost(let job): unreported.lost[token] = job
                case .result(let report): unreported.results.append(report)
                case .claim: unreported.claims.append(token)
                }
            }
        }
        try state.file.write(Self.whole(state.open, workerID))
        for old in orphans { old.remove() }
        self.state = Mutex(state)
        self.unreported = Mutex(unreported)
    }

    /// Takes what earlier runs left unreported. A second call returns nothing.
    func takeUnreported() -> UnreportedResults {
        unreported.withLock { unreported in
            defer { unreported = UnreportedResults() }
            return unreported
        }
    }

    /// The server may grant jobs under this request id, until it is resolved.
    func recordClaim(_ requestID: String) {
        state.withLock { state in
            // A repeated request is still one claim.
            guard state.open[requestID] == nil else { return }
            let line: JSON = ["claim": true, "token": .string(requestID)]
            state.open[requestID] = Self.bytes(line)
            Self.write(line, to: &state)
        }
    }

    /// The lease is held from now on, and its end must be reported.
    func recordLease(_ job: ClaimedJob) {
        append(job.claimToken, ["lease": .string(job.id.text), "token": .string(job.claimToken)])
    }

    /// The result must be reported from now on.
    func recordResult(_ report: ResultReport) {
        append(report.claimToken, ["result": report.json, "token": .string(report.claimToken)])
    }

    /// Nothing is left to report: the server has answered, or the lease is lost.
    func resolve(_ claimToken: String) {
        state.withLock { state in
            guard state.open.removeValue(forKey: claimToken) != nil else { return }
            Self.write(["settled": .string(claimToken)], to: &state)
            guard state.open.isEmpty || state.size > Self.compactionBytes else { return }
            compact(&state)
        }
    }

    /// The daemon has shut down cleanly: removes the file, unless entries are left for the next run.
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

    /// A full disk costs crash recovery, not the job.
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

    private enum Entry {
        case lost(JobID)
        case result(ResultReport)
        case claim
    }

    /// The last line may be incomplete; lines that are not JSON are skipped.
    private static func read(_ file: OrphanedJournal, of workerID: MachineID) -> [(String, [UInt8], Entry)] {
        var worker: String?
        var open: [String: (order: Int, lines: [UInt8], entry: Entry)] = [:]
        for line in file.bytes.split(separator: UInt8(ascii: "\n")) {
            guard let json = try? JSON(parsing: Array(line)) else { continue }
            if let id = json["worker"]?.string { worker = id }
            if let token = json["settled"]?.string { open[token] = nil }
            guard let token = json["token"]?.string else { continue }
            let entry: Entry
            if let job = json["lease"]?.string {
                entry = .lost(JobID(job))
            } else if let result = json["result"], let report = try? ResultReport(item: result) {
                entry = .result(report)
            } else if json["claim"] == true {
                entry = .claim
            } else {
                continue
            }
            let before = open[token]
            open[token] = (before?.order ?? open.count, (before?.lines ?? []) + line + [UInt8(ascii: "\n")], entry)
        }
        // Another worker's tokens are useless to this one.
        guard worker == workerID.text else { return [] }
        return open.sorted { $0.value.order < $1.value.order }.map { ($0.key, $0.value.lines, $0.value.entry) }
    }
}
