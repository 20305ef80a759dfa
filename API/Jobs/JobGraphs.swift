internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What a job depends on, and what depends on it.
enum JobGraphs {
    static let routes = [
        Route(
            .get, "/jobs/{job}/graph", "readJobGraph",
            "The job, those that it depends on, and those that depend on it, however far.", query: [limit.parameter],
            .tagged(graph), read)
    ].tagged("Jobs")

    private static let limit = QueryParameter.integer(
        "limit", 1...JobGraph.mostJobs, "How many jobs, 200 when absent; the nearest come first.")

    private static let graph = Shape<JobGraph> {
        field("job", .id(format: "uuid")) { $0.job }
        field("jobs", .array(node), "In the order of their ids.") { $0.nodes }
        field("truncated", .boolean, "Whether there are more.") { $0.isCut }
    }

    private static let node = Shape<JobGraph.Node> {
        field("id", .id(format: "uuid")) { $0.id }
        field("name", .string) { $0.title }
        field("status", .choice(of: JobState.shownStates)) { $0.state.shownState }
        optionalField("reason", .string) { $0.reason }
        field("depends_on", .array(.string), "Ids of jobs, which needn't be listed here.") { node in
            node.dependsOn.map(\.text)
        }
    }

    private static func read(_ call: Call, _ member: MemberContext) async throws -> JobGraph {
        let id = try call.parameter("job", as: JobID.self)
        let limit = try call.query[limit] ?? 200
        let owners = member.readable
        return try await call.database.read { tx in
            guard let job = try tx.job(id, ofAny: owners) else { throw Refusal.notFound("job") }
            return try tx.graph(around: job, limit: limit)
        }
    }
}
