internal import ArgumentParser
internal import Bytes

extension JobCommand {
    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancels jobs; a running one is stopped when its worker next contacts the server.",
            discussion: """
                Jobs are named by their ids, or chosen from those that have not ended. With --dry-run they are \
                counted and left alone.

                EXAMPLES
                  hatchfarm job cancel 0193… 0194…
                  hatchfarm job cancel --queue nightly --since 2h --dry-run
                  hatchfarm job cancel --all
                """)

        @Argument(help: "The jobs' ids.") var jobs: [String] = []
        @Option(help: "Only jobs with this status: pending, blocked or running.") var status: Live?
        @OptionGroup var match: MatchOptions
        @OptionGroup var period: PeriodOptions
        @Flag(help: "All jobs that have not ended.") var all = false
        @Flag(help: "Count them, and cancel none.") var dryRun = false
        @OptionGroup var options: JobOptions

        enum Live: String, CaseIterable, ExpressibleByArgument {
            case pending, blocked, running
        }

        func validate() throws {
            let isChosen = status != nil || match.isSet || period.isSet || all
            guard jobs.isEmpty == isChosen else {
                throw ValidationError("Name the jobs by their ids, or choose them by options; --all chooses all.")
            }
        }

        func run() async throws {
            let client = try options.open()
            let ids = jobs.isEmpty ? try await chosen(client) : jobs
            guard !dryRun else {
                return Output.line(
                    options.json
                        ? JSON.object([.init("count", JSON(ids.count))]).text(.compact)
                        : "\(Text.grouped(ids.count)) would be cancelled")
            }
            var problem: Failure?
            var count = 0
            for id in ids {
                do {
                    let reply = try await client.delete(JobText.path(id))
                    Output.line(options.json ? reply.text(.compact) : "\(id) \(reply["status"]?.string ?? "cancelled")")
                    count += 1
                } catch let failure as Failure {
                    // What was chosen may have ended meanwhile. One that was named and can't be cancelled keeps none of
                    // the others from it.
                    if case .unreachable = failure { throw failure }
                    if jobs.isEmpty, case .refused = failure { continue }
                    if jobs.count > 1 { Output.error("hatchfarm: \(Text.escaped(id)): \(failure.message)") }
                    problem = problem ?? failure
                }
            }
            if jobs.isEmpty, !options.json { Output.line("\(Text.grouped(count)) cancelled") }
            guard let problem else { return }
            throw jobs.count == 1 ? problem : problem.saying("\(count) of \(jobs.count) cancelled")
        }

        /// The ids of those that have not ended and that the options choose.
        private func chosen(_ client: Client) async throws -> [String] {
            var ids: [String] = []
            var seen: Set<String> = []
            for status in status.map({ [$0] }) ?? Live.allCases {
                var cursor: String?
                repeat {
                    let reply = try await client.get(
                        "/api/v1/jobs",
                        [("status", status.rawValue), ("limit", "100"), ("cursor", cursor)] + period.query())
                    for job in reply["jobs"]?.array ?? [] where match.admits(job) {
                        // One may change its status between two lists.
                        if let id = job["id"]?.string, seen.insert(id).inserted { ids.append(id) }
                    }
                    cursor = reply["next_cursor"]?.string
                } while cursor != nil
            }
            return ids
        }
    }
}

/// When jobs were submitted.
struct PeriodOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Only jobs submitted at this time or later: RFC 3339, a date, or 30m, 2h, 7d ago.", valueName: "time"))
    var since: String?
    @Option(help: ArgumentHelp("Only jobs submitted before this time.", valueName: "time")) var until: String?

    var isSet: Bool { since != nil || until != nil }

    func query() throws(Failure) -> [(String, String?)] {
        var query: [(String, String?)] = []
        for (name, text) in [("since", since), ("until", until)] {
            guard let text else { continue }
            guard let instant = Self.instant(text, now: World.live.now()) else {
                throw .invalid(
                    "--\(name) takes a time as 2026-01-31T12:00:00Z, 2026-01-31 or 2h, not \(Text.escaped(text))")
            }
            query.append((name, RFC3339.format(instant)))
        }
        return query
    }

    /// Milliseconds since 1970: an RFC 3339 time, a date's beginning in UTC, or so long before `now`.
    static func instant(_ text: String, now: Int64) -> Int64? {
        if let instant = RFC3339.parse(text) ?? RFC3339.parse("\(text)T00:00:00Z") { return instant }
        let units: [Character: Int64] = ["s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let last = text.last, let unit = units[last], let count = Int64(text.dropLast()),
            (0...100_000).contains(count)
        else { return nil }
        return now - count * unit
    }
}
