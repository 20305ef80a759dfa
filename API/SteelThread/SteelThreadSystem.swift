internal import HTTPTypes

extension APISystem {
    private static let steelThreadEnvelope = Envelope.bare(failure: .located("SteelThreadError"))

    /// What people with a login call (CONTRACT 9).
    package static let steelThread = APISystem(
        name: "SteelThread", envelope: steelThreadEnvelope, bases: [""], owns: ["/auth", "/ws"],
        invalid: .unprocessableContent, unauthorized: "Could not validate credentials",
        routes: Logins.routes + IssuerSignIn.routes + Echo.routes)

    /// The part of it that lives beside the jobs.
    package static let steelThreadAPI = APISystem(
        name: "SteelThread API", envelope: steelThreadEnvelope, bases: ["/api/v1"], owns: ["/healthz", "/collab"],
        invalid: .unprocessableContent, unauthorized: "Could not validate credentials", routes: HealthCheck.routes)
}
