internal import ArgumentParser
internal import Bytes

/// `hatchfarm job …`
struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job",
        abstract: "Submits and follows jobs.",
        discussion: """
            EXAMPLES
              hatchfarm job submit --title count --input book.txt --watch \\
                  -- wc -w book.txt
              hatchfarm job list --status running
              hatchfarm job logs -f 0193…
              hatchfarm job fetch 0193… counts.txt

            \(ClientOptions.help)

            \(Failure.exitCodes)
            """,
        subcommands: [
            Submit.self, List.self, Show.self, Watch.self, Logs.self, Artifacts.self, Fetch.self, Cancel.self,
            Retry.self, Delete.self, Graph.self,
        ])
}

/// The options of every job command.
struct JobOptions: ParsableArguments {
    @OptionGroup(title: "Server") var client: ClientOptions
    @Flag(help: "Print the server's JSON response.") var json = false

    func open() throws(Failure) -> Client { Client(try client.credentials()) }
}

extension JobCommand {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a job: its status, attempts and result.",
            discussion: "EXAMPLE\n  hatchfarm job show 0193…")

        @Argument(help: "The job's id.") var job: String
        @OptionGroup var options: JobOptions

        func run() async throws {
            let reply = try await options.open().get(JobText.path(job))
            if options.json { return Output.line(reply.text(.compact)) }
            for line in JobText.lines(reply) { Output.line(line) }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Restarts a failed job with all its attempts.",
            discussion: """
                With --with-dependents the jobs that were cancelled because this one failed are brought back, and \
                those that wait for them: a graph goes on where it stopped.

                EXAMPLES
                  hatchfarm job retry 0193… --watch
                  hatchfarm job retry 0193… --with-dependents
                """)

        @Argument(help: "The job's id.") var job: String
        @Flag(help: "Follow the job until it ends.") var watch = false
        @Flag(help: "Also bring back the jobs that were cancelled because this one failed.") var withDependents = false
        @OptionGroup var options: JobOptions

        func run() async throws {
            let client = try options.open()
            let reply = try await client.post(
                "\(JobText.path(job))/retry", withDependents ? ["cascade": true] : [:])
            guard watch else {
                return Output.line(options.json ? reply.text(.compact) : "\(job) \(reply["status"]?.string ?? "")")
            }
            try await JobFollower(client, job: job, asJSON: options.json, hasAnswered: true).run()
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follows a job until it ends: status, progress and log.",
            discussion: """
                The exit code is 0 if the job completed, and 1 if it failed or was cancelled. \
                With --json each event is printed as one line.

                EXAMPLE
                  hatchfarm job watch 0193…
                """)

        @Argument(help: "The job's id.") var job: String
        @OptionGroup var options: JobOptions

        func run() async throws {
            try await JobFollower(options.open(), job: job, asJSON: options.json).run()
        }
    }
}
