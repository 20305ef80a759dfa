import Bytes
import Support
import Synchronization

/// Jobs of a moment, each of which says which of its runs it is, where nobody else can say it.
final class ShortJobs: Sendable {
    struct Ended: Sendable, CustomStringConvertible {
        struct Attempt: Sendable {
            let fence: Int64
            let outcome: String
            let error: String?
        }

        let id: String
        let title: String
        let status: String
        let reason: String?
        let attempts: [Attempt]
        /// The runs that wrote to the log, by the fence of their lease.
        let runs: [Int64: Set<String>]
        /// The run whose output is the job's, and the one that wrote its file.
        let output: String?
        let artifact: String?

        var isPoison: Bool { reason == "poison" }
        var description: String { "\(title) \(id): \(status), \(attempts), runs \(runs), \(output ?? "-")" }
    }

    /// In the command line of every process of these jobs, and of no other.
    let marker: String
    static let outputFile = "made.bin"
    let owner: FarmOwner
    private let ids = Mutex<[String]>([])

    init(_ owner: FarmOwner, port: Int) {
        self.owner = owner
        marker = "short-job-at-\(port)"
    }

    /// A hundred at a time, the next when hardly any is left and sometimes a while later: then claims wait.
    func submit(_ count: Int, seed: UInt64) async throws {
        var chance = Chance(seed: seed)
        for start in stride(from: 0, to: count, by: 100) {
            try await eventually("daemons have worked", within: .seconds(300)) {
                let waiting = try await owner.client.get("/api/v1/jobs?limit=10&status=pending").expecting(200)
                return (waiting.json["jobs"]?.array ?? []).count < 5
            }
            try await World.live.sleep(.milliseconds(chance.next(upTo: 1) * chance.next(upTo: 2_000)))
            let jobs = (start..<min(start + 100, count)).map { job($0, &chance) }
            let reply = try await owner.client.post("/api/v1/jobs/batch", ["jobs": .array(jobs)]).expecting(201)
            let new = (reply.json["jobs"]?.array ?? []).compactMap { $0["id"]?.string }
            ids.withLock { $0 += new }
        }
    }

    private func job(_ number: Int, _ chance: inout Chance) -> JSON {
        let head = "run=\"run $(cat /proc/sys/kernel/random/uuid)\"; echo \"$run\""
        let bytes = 50_000 + chance.next(upTo: 200_000)
        let kinds = [
            "echo": ":",
            "file": "{ echo \"$run\"; head -c \(bytes) /dev/urandom; } > \(Self.outputFile)",
            "sleep": "sleep 0.\(String(1_050 + chance.next(upTo: 250)).dropFirst())",
            "lines": "seq 1 \(100 + chance.next(upTo: 4_000))",
        ]
        let kind = ["echo", "file", "sleep", "lines"][number % 4]
        return [
            "title": .string("\(kind) \(number)"),
            "command": ["sh", "-c", .string("\(head); \(kinds[kind] ?? ":"); echo \"$run\"; : \(marker)")],
            "outputs": kind == "file" ? [.string(Self.outputFile)] : [],
        ]
    }

    /// Between two answers a job may go from running to pending and back: asked more than once.
    func isOver() async throws -> Bool {
        for status in ["pending", "running", "pending", "running", "pending"] {
            let page = try await owner.client.get("/api/v1/jobs?limit=1&status=\(status)").expecting(200)
            guard page.json["jobs"] == [] else { return false }
        }
        return true
    }

    func ended() async throws -> [Ended] {
        var ended: [Ended] = []
        let ids = ids.withLock { $0 }
        for start in stride(from: 0, to: ids.count, by: 16) {
            ended += try await withThrowingTaskGroup(of: Ended.self) { group in
                for id in ids[start..<min(start + 16, ids.count)] { group.addTask { try await self.ended(id) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        return ended
    }

    private func ended(_ id: String) async throws -> Ended {
        let job = try await owner.job(id)
        var runs: [Int64: Set<String>] = [:]
        var texts: [Int64: String] = [:]
        var after: Int64 = 0
        while true {
            let page = try await owner.client.get("/api/v1/jobs/\(id)/logs?limit=1000&after=\(after)").expecting(200)
            let pieces = page.json["logs"]?.array ?? []
            for piece in pieces { texts[piece["fence"]?.int ?? 0, default: ""] += piece["text"]?.string ?? "" }
            after = page.json["next_after"]?.int ?? after
            guard pieces.count == 1_000 else { break }
        }
        for (fence, text) in texts { runs[fence] = Self.runs(in: text) }
        let files = try await owner.client.get("/api/v1/jobs/\(id)/artifacts").expecting(200).json["artifacts"]?.array
        var artifact: String?
        if files?.isEmpty == false {
            let bytes = try await owner.client.get("/api/v1/jobs/\(id)/artifacts/\(Self.outputFile)").expecting(200)
            artifact = Self.runs(in: String(decoding: bytes.body.prefix(64), as: UTF8.self)).first
        }
        return Ended(
            id: id, title: job["name"]?.string ?? "", status: job["status"]?.string ?? "",
            reason: job["reason"]?.string,
            attempts: (job["attempts"]?.array ?? []).map {
                Ended.Attempt(
                    fence: $0["fence"]?.int ?? 0, outcome: $0["outcome"]?.string ?? "", error: $0["error"]?.string)
            }, runs: runs, output: Self.runs(in: job["result"]?["output"]?.string ?? "").first, artifact: artifact)
    }

    private static func runs(in text: String) -> Set<String> {
        Set(text.matches(of: #/run ([0-9a-f]{8}-[0-9a-f-]{27})\n/#).map { String($0.output.1) })
    }
}
