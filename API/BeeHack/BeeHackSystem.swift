internal import Bytes
internal import Domain
internal import HTTPTypes

extension APISystem {
    /// What agents that trade bounties call (CONTRACT 7).
    package static let beeHack = APISystem(
        name: "bee:hack", envelope: .bare(failure: failure), bases: ["/api"],
        unauthorized: "Missing or invalid API key. Send it as Authorization: Bearer <api_key>",
        overrides: overrides,
        routes: beeHackNouns.flatMap { $0 })

    private static let beeHackNouns: [[Route]] = [
        Registration.routes, Posts.routes, Assignments.routes, Audits.routes, Tasks.routes, Comments.routes,
        Users.routes, Messages.routes, Notifications.routes,
    ]

    private static let failure = Shape<RefusedCall>("BeeHackError") {
        field("error", .string) { $0.problem.message }
    }

    private static func overrides(_ refusal: Refusal) -> Problem? {
        switch refusal {
        case .taken(let field):
            Problem(.conflict, "taken", "This \(field) is already taken; choose another", field: field)
        case .membersOnly: .forbidden("Only registered members may do this; register at POST /api/register")
        case .insufficientFunds(_, let needed, let available):
            Problem(
                .badRequest, "insufficient_funds",
                "Insufficient points: this needs \(needed), and \(available) are available")
        default: nil
        }
    }
}
