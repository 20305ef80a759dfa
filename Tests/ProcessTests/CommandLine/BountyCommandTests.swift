import Bytes
import Foundation
import Support
import Testing

/// `hatchfarm bounty`, as both sides and the queenbee use it, on a farm whose own worker audits.
@Suite("The commands for bounties", .timeLimit(.minutes(3)))
struct BountyCommandTests {
    /// A member at a shell.
    private struct Bee {
        let home: FarmHome
        let key: String

        init(_ handle: String, at home: FarmHome) async throws {
            let made = try await home.run("agent", "register", "--name", handle, "--handle", handle, "--key-only")
            try #require(made.code == 0, "\(made.errors)")
            self.home = home
            key = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        func run(_ words: String...) async throws -> FarmHome.Result {
            try await home.run(words + ["--api-key", key])
        }

        func bounty(_ words: String...) async throws -> FarmHome.Result {
            try await home.run(["bounty"] + words + ["--api-key", key])
        }

        /// Posts a bounty on a repository; returns its id.
        func post(_ title: String, _ points: Int, _ more: String...) async throws -> String {
            let words = ["post", "--title", title, "--description", "d", "--points", "\(points)"] + more
            let posted = try await home.run(["bounty"] + words + ["--api-key", key])
            try #require(posted.code == 0, "\(posted.errors)")
            return posted.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        /// What it may spend, and what of it is held.
        func points() async throws -> String {
            let balance = try await run("wallet", "balance").output
            let match = try #require(balance.firstMatch(of: #/POINTS +(\d+) +(\d+)/#))
            return "\(match.output.1) \(match.output.2)"
        }
    }

    /// A repository whose test has three parts, all of which fail on `main`, two on `some` and none on `fix`.
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
                cat > test.t <<'END'
                echo 1..3
                for part in 1 2 3; do grep -q $part parts || printf 'not '; echo "ok $part"; done
                END
                echo 0 > parts; git add .; git commit --quiet -m none
                git switch --quiet -c some; echo 1 > parts; git commit --quiet -am some
                git switch --quiet -c fix; echo 123 > parts; git commit --quiet -am fix
                git switch --quiet main
                """,
            ])
        return "file://\(path)"
    }

    @Test("a bounty from its dry run to the verdict that pays it, and another of which too little passes")
    func life() async throws {
        let repository = try await repository()
        try await FarmHome.up("--audit-scheme", "file") { home in
            let (ann, bob) = (try await Bee("ann", at: home), try await Bee("bob", at: home))
            let posted = try await ann.bounty(
                "post", "--title", "Three parts", "--description", "All of them.", "--points", "40", "--escrow",
                "--fcfs", "--repo", repository, "--tests", "sh test.t", "--label", "sh", "--priority", "high",
                "--dry-run", "--watch")
            #expect(posted.code == 0, "\(posted.errors)")
            let form = #/(\d+)\n-- dry run: waits [^\n]+\ndry run: 0 of 3 passed\n  [^\n]+\n/#
            let id = String(try #require(posted.output.wholeMatch(of: form), "\(posted)").output.1)
            #expect(try await ann.points() == "60 40")
            let listed = try await home.run("bounty", "list", "--sort", "urgent", "--label", "sh", "--status", "open")
            #expect(listed.output.contains(#/(?m)^\d+ +open +40 +poster_held +.* ago +ann +Three parts$/#), "\(listed)")

            let claimed = try await bob.bounty("claim", id)
            #expect(claimed.code == 0 && claimed.output == "\(id) claimed by bob, a deposit of 4 held\n", "\(claimed)")
            #expect(try await bob.points() == "96 4")
            let done = try await bob.bounty("submit", id, "--branch", "fix", "--watch")
            let lines = done.output.split(separator: "\n")
            let begin = ["-- in_review, waits for its audit", "audit: 3 of 3 passed"]
            #expect(done.code == 0 && begin.contains(String(lines.first ?? "")), "\(done)")
            #expect(
                lines.suffix(3) == [
                    "audit: 3 of 3 passed", "split: 40 paid, 0 refunded; of the deposit 4 returned, 0 forfeited",
                    "-- done, settled",
                ], "\(done)")
            #expect(try await ann.points() == "60 0")
            #expect(try await bob.points() == "140 0")

            // What the two sides see of it, and what others do.
            let shown = try await ann.bounty("show", id)
            #expect(shown.output.contains("task status: done") && shown.output.contains("dry run: 0 of 3 passed"))
            #expect(shown.output.contains("audit: 3 of 3 passed") && shown.output.contains("\n  ok 3\n"), "\(shown)")
            let watched = try await home.run("bounty", "watch", id)
            #expect(watched.code == 0 && watched.output == "-- done, settled\n", "\(watched)")
            let json = try JSON(parsing: Array(try await home.run("bounty", "show", id, "--json").output.utf8))
            #expect(json["task_status"] == "done" && json["audits"] == .null)

            let second = try await ann.post(
                "Again", 20, "--escrow", "--fcfs", "--repo", repository, "--tests", "sh test.t")
            #expect(try await bob.bounty("claim", second).code == 0)
            let some = try await bob.bounty("submit", second, "--branch", "some", "--watch")
            #expect(some.code == 0, "\(some)")
            #expect(some.output.contains("split: 6 paid, 14 refunded; of the deposit 0 returned, 2 forfeited"))
            #expect(try await ann.points() == "56 0")
            #expect(try await bob.points() == "144 0")
        }
    }

    @Test("a worker that wasn't told to doesn't audit what is on its own machine")
    func schemes() async throws {
        let repository = try await repository()
        try await FarmHome.up { home in
            let ann = try await Bee("ann", at: home)
            let posted = try await ann.bounty(
                "post", "--title", "t", "--description", "d", "--points", "40", "--repo", repository, "--tests",
                "sh test.t", "--dry-run", "--watch")
            #expect(posted.code != 0 && posted.output.contains("dry run: no verdict"), "\(posted)")
            let id = String(try #require(posted.output.split(separator: "\n").first))
            let shown = try await ann.bounty("show", id)
            #expect(shown.output.contains("this worker does not fetch by file://, only by https://"), "\(shown)")
        }
    }

    @Test("points move once for each key, and by whom they may be moved")
    func money() async throws {
        try await Farm.run(on: .sqlite, environment: ["QUEENBEE_API_KEY": "bhv_the-queen-of-the-tests"]) { farm in
            let home = try FarmHome.beside(farm.server)
            let (ann, bob) = (try await Bee("ann", at: home), try await Bee("bob", at: home))
            let escrow = try await ann.post("once", 40, "--escrow", "--idempotency-key", "k")
            #expect(try await ann.post("once", 40, "--escrow", "--idempotency-key", "k") == escrow)
            #expect(try await ann.points() == "60 40")
            #expect(try await bob.bounty("claim", escrow).code == 4, "it is assigned by its author")
            let assigned = try await ann.bounty("assign", escrow, "bob")
            #expect(assigned.output == "\(escrow) claimed by bob, a deposit of 4 held\n", "\(assigned)")
            #expect(try await ann.bounty("complete", escrow).code == 64, "escrow is settled")
            #expect(try await bob.bounty("dispute", escrow, "--reason", "r").code == 4, "there is no verdict")
            let split = ["bounty", "settle", escrow, "--payout", "30", "--refund", "10", "--return", "3", "--penalty"]
            #expect(try await home.run(split + ["1", "--api-key", ann.key]).code == 4)
            let queen = ["--api-key", "bhv_the-queen-of-the-tests"]
            #expect(try await home.run(split + ["2"] + queen).code == 64, "the deposit is 4")
            let settled = try await home.run(split + ["1", "--reason", "Most of it."] + queen)
            #expect(settled.output == "\(escrow) settled: 33 to bob, 11 to ann\n", "\(settled)")
            #expect(try await ann.points() == "71 0")

            let plain = try await ann.post("plain", 20, "--fcfs")
            #expect(try await bob.bounty("claim", plain).output == "\(plain) claimed by bob\n")
            #expect(
                try await bob.bounty("submit", plain, "--pr", "https://git.example/1").output.hasSuffix("in_review\n"))
            let before = try await home.run("bounty", "show", plain, "--json").output
            #expect(try await bob.bounty("submit", plain).code == 0, "it may be repeated")
            #expect(try await home.run("bounty", "show", plain, "--json").output == before, "without effect")
            #expect(try await ann.bounty("complete", plain).output == "\(plain) done, 20 paid to bob\n")
            let refunded = try await ann.post("refunded", 11, "--escrow")
            #expect(try await ann.bounty("cancel", refunded).output == "\(refunded) cancelled, refunded\n")
            let watched = try await home.run("bounty", "watch", refunded)
            #expect(watched.code == 1 && watched.output == "-- cancelled, refunded\n", "\(watched)")
            #expect(try await ann.points() == "51 0")
            #expect(try await bob.points() == "149 0")
            let page = try await ann.bounty("list", "--sort", "foryou", "--limit", "1")
            #expect(page.output.hasPrefix("ID  STATUS") && page.output.contains("more: --cursor "), "\(page)")
        }
    }

    @Test("exit codes say what went wrong, and each command has an example")
    func exitCodes() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server)
            #expect(try await home.run("bounty", "list").code == 0, "anyone may read")
            #expect(try await home.run("bounty", "list", "--sort", "foryou").code == 4)
            #expect(try await home.run("bounty", "list", "--sort", "new", "--status", "x").code == 64)
            #expect(try await home.run("bounty", "list", "--sort", "foryou", "--status", "open").code == 64)
            for command in ["show", "watch"] { #expect(try await home.run("bounty", command, "99").code == 5) }
            #expect(try await home.run("bounty", "claim", "99").code == 4, "no credentials")
            let post = ["bounty", "post", "--title", "t", "--description", "d", "--points"]
            #expect(try await home.run(post + ["1", "--watch"]).code == 64)
            #expect(try await home.run(post + ["1", "--dry-run", "--tests", "true"]).code == 64)
            let ann = try await Bee("ann", at: home)
            let poor = try await home.run(post + ["101", "--escrow", "--api-key", ann.key])
            #expect(poor.code == 4 && poor.errors.contains("100 are available"), "\(poor)")
            let lost = try await home.run(post + ["1", "--server", "http://127.0.0.1:9", "--api-key", "hf_any"])
            #expect(lost.code == 3 && lost.errors.contains("--idempotency-key "), "\(lost)")
            for command in [
                "post", "list", "show", "claim", "assign", "submit", "watch", "complete", "cancel", "settle", "dispute",
            ] {
                let help = try await home.run("bounty", command, "--help")
                #expect(help.code == 0 && help.output.contains("EXAMPLE"), "\(command)")
            }
        }
    }
}
