internal import HTTPTypes

extension APISystem {
    /// `/api/v1/jobs*`, shared by HatchFarm and its other callers: bodies and errors are those of CONTRACT 4.
    package static let jobs = APISystem(
        name: "Jobs", shape: .steelThread, bases: ["/api/v1", "/v1"], owns: ["/jobs", "/artifacts"],
        invalid: .unprocessableContent, unauthorized: "Could not validate credentials",
        refusal: { JobProblem.problem($0) },
        routes: Jobs.routes + JobTrail.routes + JobFiles.routes)
}
