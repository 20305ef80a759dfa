internal import Bytes
internal import Synchronization

/// The commands in a device's hands, in a file that outlives it: those that run, and results that the server hasn't
/// answered. Each change is on disk when it returns, so that no result is sent before it would survive.
final class DeviceJournal: Sendable {
    struct Entry: Sendable, Equatable {
        let id: String
        let type: String
        /// Of the last claim: the server may have granted the command again.
        var claimToken: String
        /// nil while the command runs.
        var result: JSON?
    }

    private let path: String
    private let log: DeviceLog
    private let entries: Mutex<[Entry]>

    /// Reads what an earlier run left. What it was running when it was killed has failed: running it again could do it
    /// twice.
    /// - Throws: `.misconfigured` when the file can't be read or written.
    init(in folder: String, log: DeviceLog, world: World = .live) throws(Failure) {
        path = "\(folder)/journal.json"
        self.log = log
        var known: [Entry] = []
        for var entry in try Self.read(path) {
            if entry.result == nil {
                log("\(entry.id) \(entry.type) was interrupted")
                entry.result = CommandOutcome.interrupted.json(executedAt: world.now(), duration: 0)
            }
            known.append(entry)
        }
        entries = Mutex(known)
        try DurableFile.replace(Self.bytes(known), at: path)
    }

    func entry(_ id: String) -> Entry? { entries.withLock { Self.find(id, in: $0) } }

    /// Those with a result that the server hasn't answered.
    var unreported: [Entry] { entries.withLock { $0.filter { $0.result != nil } } }

    /// Begins a command. A command that is known isn't begun again: the new claim token is for what is known of it.
    /// - Returns: whether it was unknown.
    func begin(_ command: ReceivedCommand) -> Bool {
        change { entries in
            if let index = entries.firstIndex(where: { $0.id.isExactly(command.id) }) {
                entries[index].claimToken = command.claimToken
                return false
            }
            entries.append(
                Entry(id: command.id, type: command.type, claimToken: command.claimToken, result: nil))
            return true
        }
    }

    func finish(_ id: String, _ result: JSON) {
        change { entries in
            guard let index = entries.firstIndex(where: { $0.id.isExactly(id) }) else { return }
            entries[index].result = result
        }
    }

    /// Forgets a command, unless it was granted again since.
    func remove(_ entry: Entry) {
        change { entries in
            entries.removeAll { $0.id.isExactly(entry.id) && $0.claimToken.isExactly(entry.claimToken) }
        }
    }

    /// A disk that fails costs what a restart could report, not the command.
    private func change<Answer: Sendable>(_ body: (inout [Entry]) -> Answer) -> Answer {
        let (answer, problem) = entries.withLock { entries -> (Answer, Failure?) in
            let before = entries
            let answer = body(&entries)
            guard entries != before else { return (answer, nil) }
            do throws(Failure) {
                try DurableFile.replace(Self.bytes(entries), at: path)
                return (answer, nil)
            } catch {
                return (answer, error)
            }
        }
        if let problem { log("the journal is not up to date: \(problem.message)") }
        return answer
    }

    private static func find(_ id: String, in entries: [Entry]) -> Entry? {
        entries.first { $0.id.isExactly(id) }
    }

    private static func bytes(_ entries: [Entry]) -> [UInt8] {
        let commands = entries.map { entry -> JSON in
            [
                "id": .string(entry.id), "type": .string(entry.type), "claim_token": .string(entry.claimToken),
                "result": entry.result ?? .null,
            ]
        }
        let json: JSON = ["commands": .array(commands)]
        return json.bytes(.compact) + [UInt8(ascii: "\n")]
    }

    private static func read(_ path: String) throws(Failure) -> [Entry] {
        guard let bytes = try DurableFile.read(path) else { return [] }
        guard let commands = (try? JSON(parsing: bytes))?["commands"]?.array else {
            throw .misconfigured("\(path) is damaged: move it away, and what it names is not reported")
        }
        return commands.compactMap { command in
            guard let id = command["id"]?.string, let token = command["claim_token"]?.string else { return nil }
            let result = command["result"]
            return Entry(
                id: id, type: command["type"]?.string ?? "", claimToken: token,
                result: result?.isNull == true ? nil : result)
        }
    }
}
