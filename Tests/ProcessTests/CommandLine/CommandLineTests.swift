import Bytes
import Foundation
import Glibc
import Support
import Testing

/// `hatchfarm up`, and the commands of somebody who uses it.
@Suite("The command line", .timeLimit(.minutes(3)))
struct CommandLineTests {
    @Test("a job's whole life, from its submission to the file it made")
    func life() async throws {
        try await FarmHome.up { home in
            try home.write("in.txt", "one\ntwo\nthree\n")
            let done = try await home.run(
                "job", "submit", "--title", "shout", "--input", "in.txt", "--output", "out.txt", "--watch", "--",
                "sh", "-c", "echo working; tr a-z A-Z < in.txt > out.txt; wc -l < out.txt")
            #expect(done.code == 0, "\(done.errors)")
            let job = try #require(done.output.firstMatch(of: #/job ([0-9a-f-]{36})/#).map { String($0.output.1) })
            #expect(done.output.contains("working\n") && done.output.contains("completed"))

            let shown = try await home.run("job", "show", job, "--json")
            let json = try JSON(parsing: Array(shown.output.utf8))
            #expect(shown.code == 0 && json["status"] == "completed" && json["result"]?["exit_code"] == 0)
            let listed = try await home.run("job", "list", "--status", "completed")
            #expect(listed.code == 0 && listed.output.contains(job) && listed.output.contains("shout"))
            let logs = try await home.run("job", "logs", job)
            #expect(logs.code == 0 && logs.output == "working\n3\n")
            let followed = try await home.run("job", "logs", "-f", job)
            #expect(followed.code == 0 && followed.output == "working\n3\n")
            let files = try await home.run("job", "artifacts", job)
            #expect(files.code == 0 && files.output.contains("out.txt"))
            #expect(try await home.run("job", "fetch", job, "out.txt").code == 0)
            #expect(home.read("out.txt") == "ONE\nTWO\nTHREE\n")
            let fetched = try await home.run("job", "fetch", job, "out.txt", "--to", "-")
            #expect(fetched.code == 0 && fetched.output == "ONE\nTWO\nTHREE\n")
        }
    }

    @Test("what the farm lends, and for how much, as a table and as JSON")
    func resources() async throws {
        try await FarmHome.up { home in
            try await eventually("its machine is heard of", within: .seconds(30)) {
                try await home.run("resources").output.contains("market")
            }
            let table = try await home.run("resources", "list", "--limit", "1")
            #expect(table.code == 0 && table.output.hasPrefix("MACHINES  CORES FREE"), "\(table)")
            let json = try JSON(parsing: Array(try await home.run("resources", "--json").output.utf8))
            #expect(json["data"]?["resources"]?.array?.first?["at_market_price"] == 1)
            let prices = try await home.run("resources", "prices")
            #expect(prices.code == 0 && prices.output.contains("core-hour  0.02"), "\(prices)")
            #expect(prices.output.contains(" at a utilisation of 0, since "))
            let other = try await home.run(["resources", "prices", "--server", "http://127.0.0.1:1"])
            #expect(other.code != 0)
            // A wrong price ends the start with a line that names its variable.
            let wrong = try await home.run(["serve"], ["HATCHFARM_BASE_PRICES": "cpu=0.1,disk=3"])
            #expect(wrong.code != 0 && wrong.errors.contains("HATCHFARM_BASE_PRICES must be cpu, gb and gpu"))
        }
    }

    @Test("a job that fails, one that is cancelled, and one that is tried again")
    func unhappyLives() async throws {
        try await FarmHome.up { home in
            let failed = try await home.run(
                "job", "submit", "--title", "fails", "--attempts", "1", "--watch", "--", "sh", "-c",
                "echo oh no >&2; exit 7")
            #expect(failed.code == 1 && failed.output.contains("oh no") && failed.output.contains("code 7"))
            let job = try #require(failed.output.firstMatch(of: #/job ([0-9a-f-]{36})/#).map { String($0.output.1) })
            #expect(try await home.run("job", "cancel", job).code == 4)
            #expect(try await home.run("job", "retry", job, "--watch").code == 1)

            let marker = "sleep 0.1\(home.port)"
            let submitted = try await home.run(
                "job", "submit", "--title", "long", "--", "sh", "-c", "while echo tick; do \(marker); done")
            let long = submitted.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(submitted.code == 0 && long.utf8.count == 36)
            try await eventually("it runs", within: .seconds(30)) { ProcessTable.count(marker) > 0 }
            let watching = Task { try await home.run("job", "watch", long) }
            let cancelled = try await home.run("job", "cancel", long)
            #expect(cancelled.code == 0 && cancelled.output.contains("cancelled"))
            #expect(try await watching.value.code == 1)
            // Its worker hears of it when it passes the next line on.
            try await eventually("it is stopped", within: .seconds(45)) { ProcessTable.count(marker) == 0 }
            #expect(try await home.run("job", "watch", long).code == 1)
        }
    }

    @Test("a server that nobody serves is told at once")
    func unreachable() async throws {
        let child = try await ChildProcess(
            FarmServer.program, ["job", "list", "--server", "http://127.0.0.1:9", "--api-key", "hf_any"])
        #expect(try await child.end(within: .seconds(10)) == .exited(3))
        #expect(child.errors.contains("connection refused"))
    }

    @Test("exit codes say what went wrong")
    func exitCodes() async throws {
        try await FarmHome.up { home in
            let nobody = "01890000-0000-7000-8000-000000000000"
            #expect(try await home.run("job", "show", nobody).code == 5)
            #expect(try await home.run("job", "cancel", nobody).code == 5)
            #expect(try await home.run("job", "list", "--api-key", "hf_wrong").code == 4)
            #expect(try await home.run("job", "submit").code == 64)
            #expect(try await home.run("job", "submit", "--title", " ", "--", "true").code == 64)
            #expect(try await home.run("job", "submit", "--title", "t", "--input", "none", "--", "true").code == 64)
            #expect(try await home.run("nonsense").code == 64)
            #expect(try await home.run(["serve"], ["DATABASE_URL": "mysql://nowhere"]).code == 78)
            let taken = try await home.run(["serve"], ["PORT": String(home.port), "DATABASE_URL": "sqlite::memory:"])
            #expect(taken.code == 78 && taken.errors.contains("already in use"))
            let unreachable = ["DATABASE_URL": "postgres://nobody@127.0.0.1:9/none"]
            #expect(try await home.run(["migrate"], unreachable).code == 3)
            #expect(try await home.run("--version").code == 0)
            #expect(try await home.run("job", "submit", "--help").code == 0)
        }
    }
}
