import Bytes
import Glibc
import Support
import Testing

/// On three daemons that are killed meanwhile.
@Suite("Jobs that are broken in many ways", .serialized, .timeLimit(.minutes(10)))
struct BrokenJobsTests {
    private static let attempts = 2

    /// Commands that fail by themselves, each time.
    private static let broken: [(name: String, script: String, more: [JSON.Member])] = [
        ("exits", "exit 3", []),
        ("is killed", "kill -9 $$", []),
        ("leaves children", "sleep 300 & exit 1", []),
        ("has no output", "true", [.init("outputs", ["nowhere"])]),
        ("links its output", "ln -s /etc/hostname out", [.init("outputs", ["out"])]),
        ("makes a pipe of its output", "mkfifo out", [.init("outputs", ["out"])]),
        ("closes its folder", "mkdir d; touch d/out; rm -r d; ln -s / d", [.init("outputs", ["d/etc/hostname"])]),
        ("is not found", "exec no-such-program", []),
        ("has no path", "sleep 0", [.init("env", ["PATH": "/nowhere"])]),
        (
            "takes all memory", "perl -e 'my @a; push @a, \"x\" x 1e6 while 1'",
            [.init("resources", ["memory_gb": .number("0.1")])]
        ),
        ("goes too deep", "perl -e 'for (1 .. 99) { mkdir \"d\"; chdir \"d\" } sleep 30'", []),
    ]

    /// Commands that look as if, and do their work.
    private static let hostile: [(name: String, script: String, more: [JSON.Member])] = [
        ("plain", "echo done", []),
        (
            "variables of the shell", "echo done",
            [.init("env", ["OPTIND": "x", "UID": "0", "IFS": "o", "ENV": "/x", "BASH_ENV": "$(exit 1)", "PPID": ""])]
        ),
        ("a preload", "echo done", [.init("env", ["LD_PRELOAD": "/work/none.so"])]),
        ("odd names", "mkdir -- -rf; echo x > '-rf/\u{fc} b'", [.init("outputs", ["-rf/\u{fc} b"])]),
        ("much output", "yes | head -c 3000000", []),
        ("closed output", "exec > /dev/null 2>&1; sleep 0.1", []),
    ]

    private func jobs(_ count: Int) -> [JSON] {
        (0..<count).map { number in
            let isBroken = number % 3 == 2
            let list = isBroken ? Self.broken : Self.hostile
            let (name, script, more) = list[number / 3 % list.count]
            let members: [JSON.Member] = [
                .init("title", .string("\(isBroken ? "broken" : "good") \(number): \(name)")),
                .init("command", name == "has no path" ? ["sleep", "0"] : ["sh", "-c", .string(script)]),
                .init("max_attempts", JSON(Self.attempts)),
                .init("backoff", ["initial_ms": 100, "max_ms": 500]),
            ]
            return .object(members + more)
        }
    }

    @Test("run no more often than their attempts, and cost no other job its own", arguments: TestDatabase.all)
    func broken(on database: TestDatabase) async throws {
        let count = ChaosSize.isFull ? 999 : 120
        let size = ChaosSize(kills: ChaosSize.isFull ? 30 : 6, jobs: count * 2 / 3, away: 0, lease: 0)
        try await Farm.run(on: database) { farm in
            let start = ContinuousClock.now
            let reply = try await farm.owner.client.post("/api/v1/jobs/batch", ["jobs": .array(jobs(count))])
            let ids = (try reply.expecting(201).json["jobs"]?.array ?? []).compactMap { $0["id"]?.string }
            #expect(ids.count == count)
            let killer = DaemonKiller(farm.owner, size, seed: ChaosSize.seed)
            try await killer.run(daemons: 3)
            let load = ShortJobs(farm.owner, port: farm.server.port)
            try await eventually("all jobs have ended", within: .seconds(240)) { try await load.isOver() }
            measured("\(count) jobs, a third of them broken", ContinuousClock.now - start)
            try await killer.drain()
            killer.expectNothingLeft()
            var poisoned = 0
            for id in ids {
                let job = try await farm.owner.job(id)
                let outcomes = (job["attempts"]?.array ?? []).compactMap { $0["outcome"]?.string }
                let title = job["name"]?.string ?? ""
                guard job["reason"]?.string != "poison" else {
                    poisoned += 1
                    continue
                }
                // What a dead daemon had claimed and the next one had no room for is given back.
                let own = outcomes.filter { $0 != "lost" && $0 != "released" }
                let isRight =
                    title.hasPrefix("good")
                    ? job["status"] == "completed" && own == ["success"]
                    : job["status"] == "failed" && own.count == Self.attempts && !own.contains("success")
                #expect(isRight, "\(title): \(job["status"] ?? .null), \(outcomes), \(job["error"] ?? .null)")
            }
            #expect(poisoned <= count / 20)
        }
    }
}
