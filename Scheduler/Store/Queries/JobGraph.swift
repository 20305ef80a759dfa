package import Domain

/// A job among those that it depends on and those that depend on it, however far; not what else depends on the former.
package struct JobGraph: Sendable {
    /// The most jobs that one is read with.
    package static let mostJobs = 500
    /// The most links that a reading follows, so that a dense graph costs no more than a large one.
    static let mostLinks = 10_000

    package struct Node: Sendable {
        package var id: JobID
        package var title: String
        package var state: JobState
        /// How it ended, where that says more than its state.
        package var reason: String?
        /// Also those that aren't among the nodes; sorted.
        package var dependsOn: [JobID] = []
    }

    package var job: JobID
    /// In the order of their ids.
    package var nodes: [Node]
    /// Whether there are more.
    package var isCut: Bool
}

extension Transaction {
    /// Step by step outwards, one statement each way and step.
    /// - Parameter limit: how many jobs, at least one, and at most `JobGraph.mostJobs`.
    package func graph(around job: Job, limit: Int) throws -> JobGraph {
        var found: Set<JobID> = [job.id]
        var (above, below): (Set<JobID>, Set<JobID>) = ([job.id], [job.id])
        var links = JobGraph.mostLinks
        var isCut = false
        let room = min(max(1, limit), JobGraph.mostJobs)
        while !isCut, !(above.isEmpty && below.isEmpty) {
            let up = try linked(by: above.sorted(), upwards: true, limit: links + 1)
            let down = try linked(by: below.sorted(), upwards: false, limit: links + 1)
            isCut = up.count + down.count > links
            links = max(0, links - up.count - down.count)
            (above, below) = ([], [])
            for (id, isUp) in up.map({ ($0, true) }) + down.map({ ($0, false) }) where !found.contains(id) {
                guard found.count < room else {
                    isCut = true
                    break
                }
                found.insert(id)
                if isUp { above.insert(id) } else { below.insert(id) }
            }
        }
        return JobGraph(job: job.id, nodes: try nodes(found.sorted(), of: job.owner), isCut: isCut)
    }

    private func linked(by ids: [JobID], upwards: Bool, limit: Int) throws -> [JobID] {
        var found: [JobID] = []
        try SQL.chunked(ids) { chunk in
            let texts = chunk.map(\.text)
            let part: SQL =
                upwards
                ? "SELECT depends_on FROM job_dependencies WHERE job_id \(in: texts) LIMIT \(limit)"
                : "SELECT job_id FROM job_dependencies WHERE depends_on \(in: texts) LIMIT \(limit)"
            found += try rows(part) { try JobID($0.text()) }
        }
        return found
    }

    private func nodes(_ ids: [JobID], of owner: OwnerID) throws -> [JobGraph.Node] {
        let needs = try dependencies(of: ids)
        var found: [JobGraph.Node] = []
        try SQL.chunked(ids) { chunk in
            found += try rows(
                """
                SELECT jobs.id, title, COALESCE(live_jobs.state, ended_jobs.state), reason
                FROM jobs LEFT JOIN live_jobs ON live_jobs.id = jobs.id LEFT JOIN ended_jobs ON ended_jobs.id = jobs.id
                WHERE jobs.id \(in: chunk.map(\.text)) AND jobs.owner_id = \(owner.text)
                """
            ) { row in
                let id = try JobID(row.text())
                return try JobGraph.Node(
                    id: id, title: row.text(), state: row.jobState(), reason: row.optionalText(),
                    dependsOn: (needs[id] ?? []).sorted())
            }
        }
        return found.sorted { $0.id < $1.id }
    }
}
