internal import ArgumentParser
internal import Bytes

extension JobCommand {
    struct Submit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Submits a job, and prints its id.",
            discussion: """
                The command and its arguments follow --; without a command the job is done by a person. Files given \
                with --input are placed in the job's work folder, those named with --output are uploaded at its \
                end. The job has no network access. It reports progress by printing lines \
                `::progress PERCENT [MESSAGE]`.

                EXAMPLES
                  hatchfarm job submit --title hello --watch -- echo hello
                  hatchfarm job submit --title sort --input big.csv:in.csv \\
                      --output out.csv --cpu 2 --memory 4 -- sort -o out.csv in.csv
                  hatchfarm job submit --title count --input-from 0193…/out.csv \\
                      -- wc -l out.csv
                  hatchfarm job submit --title later --at 2027-01-01T03:00:00Z -- date
                """)

        @Option(help: "The job's title, 1–255 characters.") var title: String
        @Option(help: "A description.") var description: String?
        @Option(
            name: .long,
            help: ArgumentHelp("An input file, placed at PATH in the work folder.", valueName: "file[:path]"))
        var input: [String] = []
        @Option(
            help: ArgumentHelp(
                "A file that another job brings forth, placed at NAME; waits for that job.",
                valueName: "job/path[:name]"))
        var inputFrom: [String] = []
        @Option(help: ArgumentHelp("An output file to upload.", valueName: "path")) var output: [String] = []
        @Option(help: ArgumentHelp("The command's standard input; - reads it from here.", valueName: "file"))
        var stdin: String?
        @Option(help: ArgumentHelp("An environment variable.", valueName: "name=value")) var env: [String] = []
        @Option(help: "Cores.") var cpu: Double?
        @Option(help: "GB of memory.") var memory: Double?
        @Option(help: "GPUs.") var gpu: Int?
        @Option(help: "A label that the machine must have.") var label: [String] = []
        @Option(help: "Time limit in minutes (default: 10).") var minutes: Int?
        @Option(help: "Isolation: none, sandbox or vm (default: sandbox).") var isolation: String?
        @Option(help: "The queue (default: default).") var queue: String?
        @Option(help: "Priority 0–9, higher first (default: 5).") var priority: Int?
        @Option(help: "Maximum number of attempts (default: 3).") var attempts: Int?
        @Option(help: ArgumentHelp("Earliest start time.", valueName: "rfc 3339")) var at: String?
        @Option(help: ArgumentHelp("A job that must complete first.", valueName: "id")) var after: [String] = []
        @Option(help: "Repeating a key returns the first response instead of submitting again.") var idempotencyKey:
            String?
        @Flag(help: "Follow the job until it ends.") var watch = false
        @OptionGroup var options: JobOptions
        @Argument(parsing: .postTerminator, help: "The command.") var command: [String] = []

        func run() async throws {
            let client = try options.open()
            // Generate a key if none is given, so that a retry after a lost response doesn't submit twice.
            let key = idempotencyKey ?? Hex.encode(World.live.random(16))
            let inputs = try Inputs.outputs(inputFrom) + (await Inputs(client).prepare(input))
            let job = try await client.post(
                "/api/v1/jobs", body(inputs: inputs), headers: [("Idempotency-Key", key)])
            guard let id = job["id"]?.string else { throw Failure.unexpected("the response has no id") }
            if watch {
                if !options.json { Output.line("job \(id)") }
                return try await JobFollower(client, job: id, asJSON: options.json, hasAnswered: true).run()
            }
            Output.line(options.json ? job.text(.compact) : id)
        }

        private func body(inputs: [JSON]) throws -> JSON {
            var members: [JSON.Member] = [.init("title", .string(title))]
            func set(_ name: String, _ value: JSON?) {
                if let value { members.append(.init(name, value)) }
            }
            func list(_ values: [String]) -> JSON? { values.isEmpty ? nil : .array(values.map(JSON.string)) }
            set("description", description.map(JSON.string))
            set("command", list(command))
            set("env", try environment())
            if let stdin {
                let bytes = try Files.read(stdin, limit: 512 << 10)
                let text = RawText(bytes)
                set("stdin", text.exact.map(JSON.string))
                set("stdin_base64", text.base64.map(JSON.string))
            }
            set("inputs", inputs.isEmpty ? nil : .array(inputs))
            set("outputs", list(output))
            set("resources", resources())
            set("duration_minutes", minutes.map { JSON($0) })
            set("isolation", isolation.map(JSON.string))
            set("queue", queue.map(JSON.string))
            set("priority", priority.map { JSON($0) })
            set("max_attempts", attempts.map { JSON($0) })
            set("run_at", at.map(JSON.string))
            set("depends_on", list(after))
            return .object(members)
        }

        private func environment() throws -> JSON? {
            guard !env.isEmpty else { return nil }
            return .object(
                try env.map { pair in
                    let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    guard parts.count == 2, !parts[0].isEmpty else {
                        throw ValidationError("--env takes NAME=VALUE, not \(pair).")
                    }
                    return .init(String(parts[0]), .string(String(parts[1])))
                })
        }

        private func resources() -> JSON? {
            var members: [JSON.Member] = []
            if let cpu { members.append(.init("cpu_cores", JSON(cpu))) }
            if let memory { members.append(.init("memory_gb", JSON(memory))) }
            if let gpu { members.append(.init("gpu", JSON(gpu))) }
            if !label.isEmpty { members.append(.init("labels", .array(label.map(JSON.string)))) }
            return members.isEmpty ? nil : .object(members)
        }
    }
}
