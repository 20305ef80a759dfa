import Bytes
import Foundation
import Glibc
import Support
import Testing

/// The systems are one product: behind them are one identity, one ledger and one engine of jobs.
@Suite("One member", .timeLimit(.minutes(3)))
struct OneMemberTests {
    /// A member with the one key that a registration showed.
    private struct Member {
        let client: FarmClient
        let handle: String

        init(_ handle: String, _ key: JSON?, at url: String) throws {
            client = FarmClient(url, [("Authorization", "Bearer \(try #require(key?.string))")])
            self.handle = handle
        }

        func get(_ path: String) async throws -> JSON { try await client.get(path).expecting(200).json }

        /// What HatchFarm's wallet says: the points to spend, and those that are held.
        func points() async throws -> String {
            let balances = try await get("/api/v1/wallet/balance")["data"]?["balances"]?.array ?? []
            let points = try #require(balances.first { $0["asset"] == "POINTS" })
            return "\(points["available"]?.string ?? "?") \(points["held"]?.string ?? "?")"
        }

        /// The reasons of its movements of points, the oldest first, by HatchFarm's wallet.
        func movements() async throws -> [String] {
            let lines = try await get("/api/v1/wallet/transactions?asset=POINTS")["data"]?["transactions"]?.array
            return (lines ?? []).reversed().map { "\($0["reason"]?.string ?? "?") \($0["amount"]?.string ?? "?")" }
        }

        /// The same by bee:hack.
        func transactions() async throws -> [String] {
            let lines = try await get("/api/users/\(handle)/transactions")["transactions"]?.array
            return (lines ?? []).reversed().map { "\($0["reason"]?.string ?? "?") \($0["amount"]?.int ?? 0)" }
        }

        /// What bee:hack tells it, the oldest first.
        func notifications() async throws -> [String] {
            let items = try await get("/api/notifications")["items"]?.array ?? []
            return items.reversed().map { "\($0["type"]?.string ?? "?") by \($0["actor_handle"]?.string ?? "?")" }
        }

        /// What HatchFarm has recorded of it.
        func events() async throws -> [String] {
            let events = try await get("/api/v1/audit/events")["data"]?["events"]?.array ?? []
            return events.compactMap { $0["type"]?.string }
        }
    }

    /// A repository whose test has two parts, of which one fails on `main`, and none on `fix`.
    private func repository() async throws -> String {
        let path = Scratch.path("greeting")
        try await Tool.run(
            "/bin/sh",
            [
                "-c",
                """
                set -e; umask 022
                export HOME=/nonexistent GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org
                export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
                git init --quiet --initial-branch=main \(path); cd \(path)
                cat > greet.t <<'END'
                check() { [ "$2" = "$3" ] && echo "ok $1" || echo "not ok $1"; }
                echo 1..2
                check 1 "$(sh greet.sh)" 'hello, world'
                check 2 "$(sh greet.sh Ann)" 'hello, Ann'
                END
                echo 'echo hello, world' > greet.sh; git add .; git commit --quiet -m main
                git switch --quiet -c fix; echo 'echo "hello, ${1:-world}"' > greet.sh; git commit --quiet -am fix
                git switch --quiet main
                """,
            ])
        return "file://\(path)"
    }

    /// Posts a bounty that the tests of a repository decide; its id.
    private func post(by member: Member, _ repository: String) async throws -> String {
        let reply = try await member.client.post(
            "/api/posts",
            [
                "title": "Greet by name", "description": "greet.t says what is missing.", "points": 40, "escrow": true,
                "assignment_mode": "fcfs", "repo_url": .string(repository), "tests": "sh greet.t",
            ]
        ).expecting(201)
        return try #require(reply.json["id"]?.string)
    }

    @Test("has one key for bounties, jobs, tasks and the wallet, and each system shows what the others did")
    func story() async throws {
        let repository = try await repository()
        try await Farm.run(on: .sqlite) { farm in
            let url = farm.server.url
            let stranger = FarmClient(url)
            let byBeeHack = try await stranger.post("/api/register", ["name": "Ann", "handle": "ann"]).expecting(201)
            let byHatchFarm = try await stranger.post(
                "/api/v1/agents/register", ["name": "Bob", "handle": "bob"]
            ).expecting(201)
            let ann = try Member("ann", byBeeHack.json["config"]?["api_key"], at: url)
            let bob = try Member("bob", byHatchFarm.data["api_key"], at: url)

            // bee:hack: a bounty with a repository and tests, claimed and submitted.
            let bounty = try await post(by: ann, repository)
            #expect(try await ann.points() == "60 40")
            _ = try await bob.client.post("/api/posts/\(bounty)/claim", [:]).expecting(200)
            #expect(try await bob.points() == "96 4")
            for change in [["status": "in_progress"], ["status": "in_review", "branch": "fix"]] as [JSON] {
                _ = try await bob.client.patch("/api/tasks/\(bounty)", change).expecting(200)
            }
            // The jobs of SteelThread and HatchFarm: the same list.
            let job = try await ann.client.post(
                "/api/v1/jobs", ["title": "Greet", "command": ["echo", "hello, Ann"]]
            ).expecting(201).json["id"]?.string
            let id = try #require(job)
            _ = try await ann.client.post("/api/v1/collab/tasks", ["title": "Read Bob's fix"]).expecting(201)

            // A third one's machine has both done.
            let daemon = try await FarmDaemon(
                "attic", for: farm.owner, ["--audit-scheme", "file", "--cpu", "2", "--memory", "2"])
            try await eventually("the audit settles, and the job ends", within: .seconds(90)) {
                let escrow = try await ann.get("/api/posts/\(bounty)/escrow")["escrow_status"]?.string
                let status = try await ann.get("/api/v1/jobs/\(id)")["status"]?.string
                return escrow == "settled" && status == "completed"
            }
            daemon.signal(SIGTERM)
            _ = try await daemon.end()

            try await bounties(ann, bob, bounty)
            try await others(ann, bob, id, bounty)
        }
    }

    /// What bee:hack and the wallet say of a bounty that Ann has paid Bob.
    private func bounties(_ ann: Member, _ bob: Member, _ bounty: String) async throws {
        let audits = try await ann.get("/api/posts/\(bounty)/audit")["audits"]?.array ?? []
        #expect(audits.count == 1 && audits.first?["passed"] == 2 && audits.first?["total"] == 2, "\(audits)")
        #expect(try await ann.get("/api/tasks/\(bounty)")["task_status"] == "done")

        #expect(try await ann.points() == "60 0")
        #expect(try await bob.points() == "140 0")
        let paid = ["registration_bonus 100", "escrow_hold -40"]
        let earned = ["registration_bonus 100", "escrow_hold -4", "bounty_payout 40", "escrow_release 4"]
        for (member, movements) in [(ann, paid), (bob, earned)] {
            #expect(try await member.movements() == movements)
            #expect(try await member.transactions() == movements)
            let profile = try await member.get("/api/users/profile?name=\(member.handle)")
            let points = try await member.points()
            #expect("\(profile["total_points"]?.int ?? 0) 0" == points)
        }
        let told = ["task_claimed by bob", "task_in_review by bob", "task_completed by queenbee"]
        #expect(try await ann.notifications() == told)
        #expect(try await bob.notifications() == ["task_completed by queenbee"])
    }

    /// What the other systems say of it: the job and the task, and what is recorded.
    private func others(_ ann: Member, _ bob: Member, _ job: String, _ bounty: String) async throws {
        let listed = try await ann.client.get("/api/v1/jobs").expecting(200)
        // Hers, and that which audited her bounty.
        let jobs = listed.json["jobs"]?.array ?? []
        #expect(Set(jobs.map { $0["name"]?.string }) == ["Greet", "Audit of post \(bounty)"], "\(listed.text)")
        let audit = try #require(jobs.first { $0["type"] == "audit" }?["id"]?.string, "\(listed.text)")
        #expect(try await ann.get("/api/v1/jobs/\(audit)")["status"] == "completed")
        #expect(try await ann.client.get("/api/v1/jobs/\(audit)/logs").status == 200)
        #expect(try await ann.client.send("DELETE", "/api/v1/jobs/\(audit)", bytes: nil, []).status == 403)
        #expect(try await bob.client.get("/api/v1/jobs/\(audit)").status == 404, "though it paid him")
        let tag = try #require(listed["ETag"])
        let again = try await ann.client.send("GET", "/api/v1/jobs", bytes: nil, [("If-None-Match", tag)])
        #expect(again.status == 304)
        let shown = try await ann.get("/api/v1/jobs/\(job)")
        #expect(shown["result"]?["exit_code"] == 0, "\(shown)")
        #expect(try await ann.client.get("/api/v1/jobs/\(job)/logs").expecting(200).text.contains("hello, Ann"))
        #expect(try await bob.get("/api/v1/jobs")["jobs"] == [], "they are hers")
        #expect(try await bob.client.get("/api/v1/jobs/\(job)").status == 404)

        let tasks = try await ann.get("/api/v1/collab/state/tasks")["items"]?.array ?? []
        #expect(tasks.map { $0["title"]?.string } == ["Read Bob's fix"])
        #expect(try await ann.get("/api/v1/agents/me")["data"]?["agent"]?["handle"] == "ann")
        #expect(try await bob.get("/api/users/profile?name=bob")["name"] == "Bob")
        let events = Set(try await ann.events())
        let expected: Set = [
            "agent_registered", "bounty_posted", "audit_started", "audit_reported", "bounty_settled", "jobs_submitted",
            "job_ended",
        ]
        #expect(events.isSuperset(of: expected), "\(expected.subtracting(events))")
    }
}
