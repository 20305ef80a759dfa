internal import ArgumentParser
internal import Bytes

extension JobCommand {
    struct Logs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints a job's log.",
            discussion: """
                EXAMPLES
                  hatchfarm job logs 0193…
                  hatchfarm job logs -f 0193… | grep -i error
                """)

        private static let page = 1_000

        @Argument(help: "The job's id.") var job: String
        @Flag(name: .shortAndLong, help: "Follow the log until the job ends.") var follow = false
        @OptionGroup var options: JobOptions

        func run() async throws {
            let client = try options.open()
            if follow { try await tail(client) } else { try await read(client) }
        }

        private func read(_ client: Client) async throws {
            var after: Int64 = 0
            while true {
                let reply = try await client.get(
                    "\(JobText.path(job))/logs", [("after", "\(after)"), ("limit", "\(Self.page)")])
                let pieces = reply["logs"]?.array ?? []
                for piece in pieces { show(piece) }
                guard pieces.count == Self.page, let next = reply["next_after"]?.int, next > after else { return }
                after = next
            }
        }

        /// Prints the log until the event stream reports that the job has ended.
        private func tail(_ client: Client) async throws {
            var lastEvent: String?
            var hasEnded = false
            var lostSince: Int64?
            while !hasEnded {
                do {
                    try await client.events("\(JobText.path(job))/events", after: lastEvent) { event in
                        lostSince = nil
                        lastEvent = event.id ?? lastEvent
                        let data = event.json ?? .null
                        if event.name == "log" { show(data) } else { hasEnded = JobText.hasEnded(data) }
                        return !hasEnded
                    }
                } catch Failure.unreachable(let reason) where lastEvent != nil {
                    let now = World.live.monotonic()
                    if lostSince == nil { Output.error("hatchfarm: \(reason); retrying") }
                    lostSince = lostSince ?? now
                    guard now - (lostSince ?? now) < JobFollower.reconnectTimeout else {
                        throw Failure.unreachable(reason)
                    }
                }
                if !hasEnded { try await World.live.sleep(.milliseconds(500)) }
            }
        }

        /// Sanitized lines on a terminal; otherwise the job's output as it is.
        private func show(_ piece: JSON) {
            if options.json {
                Output.line(piece.text(.compact))
            } else if Output.isTerminal {
                for line in LogText.lines(piece) { Output.line(Output.logLine(line)) }
            } else {
                Output.bytes(LogText.bytes(piece))
            }
        }
    }

    struct Artifacts: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists a job's artifacts.",
            discussion: "EXAMPLE\n  hatchfarm job artifacts 0193…")

        @Argument(help: "The job's id.") var job: String
        @OptionGroup var options: JobOptions

        func run() async throws {
            let reply = try await options.open().get("\(JobText.path(job))/artifacts")
            if options.json { return Output.line(reply.text(.compact)) }
            var table = Table("PATH", "SIZE", "SHA-256")
            for artifact in reply["artifacts"]?.array ?? [] {
                let size = artifact["size"]?.int.flatMap { Int(exactly: $0) } ?? 0
                table.row(
                    Output.sanitized(artifact["path"]?.string ?? ""), Text.size(size), artifact["sha256"]?.string ?? "")
            }
            for line in table.lines { Output.line(line) }
        }
    }

    struct Fetch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Downloads an artifact of a job, or all of them.",
            discussion: """
                When the connection breaks, the download goes on where it was; the file is written when its content \
                has the hash that the server names. With --all, the files come into a folder named by the job, unless \
                --to names another; those that are there already are left as they are, and others of their names \
                are replaced only with --force.
                A file of that name is replaced when the new one is whole, and keeps its permissions. A device, a \
                pipe or a link is left alone without --force.

                EXAMPLES
                  hatchfarm job fetch 0193… counts.txt
                  hatchfarm job fetch 0193… out/table.csv --to - | head
                  hatchfarm job fetch 0193… --all --to results
                """)

        @Argument(help: "The job's id.") var job: String
        @Argument(help: "The file's path in the job's work folder.") var path: String?
        @Flag(help: "Download all artifacts, to their paths below the folder --to.") var all = false
        @Option(
            name: [.customShort("o"), .customLong("to")],
            help: ArgumentHelp(
                "The target, a file or a folder (default: its name, in this folder; with --all a folder named by the "
                    + "job); - is standard output.",
                valueName: "file"))
        var target: String?
        @Flag(help: "Write into a device or a pipe; replace the file that a link leads to.") var force = false
        @OptionGroup(title: "Server") var client: ClientOptions

        func validate() throws {
            guard (path == nil) == all else { throw ValidationError("Name the file's path, or give --all.") }
            guard !all || target != "-" else {
                throw ValidationError("--all writes files: --to must name a folder.")
            }
        }

        func run() async throws {
            let client = Client(try client.credentials())
            guard let path else {
                return try await FetchAll(client: client, job: job, folder: target ?? job.lowercased(), isForced: force)
                    .run()
            }
            let target = try FetchTarget(target, name: Files.name(path), isForced: force)
            let bytes = try await client.download(
                "\(JobText.path(job))/artifacts/\(Client.escape(path, keepingSlashes: true))")
            try target.write(bytes)
            if let path = target.path { Output.line("\(path): \(Text.size(bytes.count))") }
        }
    }
}
