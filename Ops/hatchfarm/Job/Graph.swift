internal import ArgumentParser
internal import Bytes

extension JobCommand {
    struct Graph: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints a job with those that it depends on and those that depend on it.",
            discussion: """
                Each job stands below one that it depends on; one that stands below several is shown whole below the \
                first. The job that was asked for has a star.

                EXAMPLE
                  hatchfarm job graph 0193…
                """)

        @Argument(help: "The job's id.") var job: String
        @Option(help: "Maximum number of jobs, 1–500.") var limit = 200
        @OptionGroup var options: JobOptions

        func run() async throws {
            let reply = try await options.open().get("\(JobText.path(job))/graph", [("limit", "\(limit)")])
            if options.json { return Output.line(reply.text(.compact)) }
            for line in JobTree(reply).lines { Output.line(line) }
            if reply["truncated"]?.bool == true { Output.line("there are more jobs than these: see --limit") }
        }
    }
}

/// A job's graph as lines for people.
struct JobTree {
    private let asked: String
    private let jobs: [String: JSON]
    private let below: [String: [String]]
    private var shown: Set<String> = []
    private(set) var lines: [String] = []

    /// - Parameter graph: as the server answers it.
    init(_ graph: JSON) {
        let nodes = graph["jobs"]?.array ?? []
        let ids = nodes.compactMap { $0["id"]?.string }
        asked = graph["job"]?.string ?? ""
        let jobs = Dictionary(zip(ids, nodes)) { first, _ in first }
        var below: [String: [String]] = [:]
        var roots: [String] = []
        for id in ids {
            let above = (jobs[id]?["depends_on"]?.array ?? []).compactMap(\.string).filter { jobs[$0] != nil }
            for other in above { below[other, default: []].append(id) }
            if above.isEmpty { roots.append(id) }
        }
        (self.jobs, self.below) = (jobs, below)
        for root in roots { show(root, "", "") }
    }

    /// - Parameters:
    ///   - mark: what leads to the job.
    ///   - margin: what stands before those below it.
    private mutating func show(_ id: String, _ mark: String, _ margin: String) {
        let job = jobs[id] ?? .null
        let reason = job["reason"]?.string.map { ", \($0)" } ?? ""
        let isNew = shown.insert(id).inserted
        let text =
            "\(mark)\(id == asked ? "* " : "")\(id)  \(job["status"]?.string ?? "?")\(reason)  "
            + Output.sanitized(job["name"]?.string ?? "")
        let next = below[id] ?? []
        lines.append(isNew || next.isEmpty ? text : "\(text)  (shown above)")
        guard isNew else { return }
        for (place, other) in next.enumerated() {
            let isLast = place == next.count - 1
            show(other, margin + (isLast ? "└─ " : "├─ "), margin + (isLast ? "   " : "│  "))
        }
    }
}
