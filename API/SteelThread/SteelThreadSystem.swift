internal import Domain
internal import HTTPTypes

extension APISystem {
    private static let steelThreadEnvelope = Envelope.bare(failure: .located("SteelThreadError"))
    private static let badCredentials = "Could not validate credentials"

    /// What people with a login call (CONTRACT 9).
    package static let steelThread = APISystem(
        name: "SteelThread", envelope: steelThreadEnvelope, bases: [""], owns: ["/auth", "/ws"],
        invalid: .unprocessableContent, unauthorized: badCredentials, overrides: steelThreadOverrides,
        routes: Logins.routes + IssuerSignIn.routes + Echo.routes)

    /// The part of it that lives beside the jobs.
    package static let steelThreadAPI = APISystem(
        name: "SteelThread API", envelope: steelThreadEnvelope, bases: ["/api/v1"], owns: ["/healthz", "/collab"],
        invalid: .unprocessableContent, unauthorized: badCredentials, overrides: steelThreadOverrides,
        routes: HealthCheck.routes + CollabTasks.routes)

    private static func steelThreadOverrides(_ refusal: Refusal) -> Problem? {
        switch refusal {
        case .invalid(let field, let message):
            Problem(.unprocessableContent, "validation_error", message, field: field)
        case .notYours(let what): .notFound(what)
        case .credentialEnded: .unauthorized(badCredentials)
        default: nil
        }
    }
}
