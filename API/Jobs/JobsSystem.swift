internal import Domain
internal import HTTPTypes

extension APISystem {
    /// `/api/v1/jobs*`, shared by HatchFarm and its other callers: bodies and errors are those of CONTRACT 4.
    package static let jobs = APISystem(
        name: "Jobs", envelope: .bare(failure: .located("JobsError")), bases: ["/api/v1", "/v1"],
        owns: ["/jobs", "/artifacts"], invalid: .unprocessableContent,
        unauthorized: "Could not validate credentials", overrides: overrides,
        routes: Jobs.routes + JobGraphs.routes + JobTrail.routes + JobFiles.routes)

    private static func overrides(_ refusal: Refusal) -> Problem? {
        switch refusal {
        case .invalid(let field, let message):
            Problem(.unprocessableContent, "validation_error", message, field: field)
        case .notYours(let what): .notFound(what)
        case .credentialEnded: .unauthorized("Could not validate credentials")
        default: nil
        }
    }
}
