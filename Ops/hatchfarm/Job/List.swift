internal import ArgumentParser
internal import Bytes

extension JobCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists your jobs, newest first.",
            discussion: """
                EXAMPLES
                  hatchfarm job list
                  hatchfarm job list --status failed --limit 10
                  hatchfarm job list --queue nightly --title report --since 2h
                """)

        @Option(help: "Only jobs with this status: pending, blocked, running, completed, failed or cancelled.")
        var status: String?
        @OptionGroup var match: MatchOptions
        @OptionGroup var period: PeriodOptions
        @Option(help: "Maximum number of jobs, 1–100.") var limit = 50
        @Option(help: "Continue after an earlier list: its cursor.") var cursor: String?
        @OptionGroup var options: JobOptions

        func validate() throws {
            guard (1...100).contains(limit) else { throw ValidationError("--limit must be 1 to 100.") }
        }

        func run() async throws {
            let client = try options.open()
            let list =
                match.isSet ? try await matching(client) : try await page(client, after: cursor, limit: limit)
            if options.json { return Output.line(list.text(.compact)) }
            var table = Table("ID", "STATUS", "CREATED", "TITLE")
            for job in list["jobs"]?.array ?? [] {
                table.row(
                    job["id"]?.string ?? "", job["status"]?.string ?? "", JobText.age(job["created_at"]),
                    Output.sanitized(job["name"]?.string ?? ""))
            }
            for line in table.lines { Output.line(line) }
            if let next = list["next_cursor"]?.string { Output.line("more: --cursor \(next)") }
        }

        private func page(_ client: Client, after cursor: String?, limit: Int) async throws -> JSON {
            try await client.get(
                "/api/v1/jobs", [("status", status), ("limit", "\(limit)"), ("cursor", cursor)] + period.query())
        }

        /// As many of the server's pages as it takes to find `limit` jobs that match, as one list.
        private func matching(_ client: Client) async throws -> JSON {
            var found: [JSON] = []
            var next = cursor
            search: repeat {
                let start = next
                let reply = try await page(client, after: start, limit: 100)
                next = reply["next_cursor"]?.string
                for (index, job) in (reply["jobs"]?.array ?? []).enumerated() where match.admits(job) {
                    found.append(job)
                    guard found.count == limit else { continue }
                    // Only the server knows the cursor after a job in the middle of its page.
                    next = try await page(client, after: start, limit: index + 1)["next_cursor"]?.string
                    break search
                }
            } while next != nil
            return .object([.init("jobs", .array(found)), .init("next_cursor", next.map(JSON.string) ?? .null)])
        }
    }
}

/// Which of the jobs that the server lists are meant.
struct MatchOptions: ParsableArguments {
    @Option(help: "Only jobs of this queue.") var queue: String?
    @Option(help: ArgumentHelp("Only jobs whose title contains this.", valueName: "text")) var title: String?

    var isSet: Bool { queue != nil || title != nil }

    func admits(_ job: JSON) -> Bool {
        (queue == nil || job["queue"]?.string == queue)
            && (title.map { job["name"]?.string?.contains($0) ?? false } ?? true)
    }
}
