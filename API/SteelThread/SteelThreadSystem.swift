internal import HTTPTypes

extension APISystem {
    /// What people with a login call (CONTRACT 9).
    package static let steelThread = APISystem(
        name: "SteelThread", shape: .steelThread, bases: [""], owns: ["/auth"], invalid: .unprocessableContent,
        unauthorized: "Could not validate credentials",
        // None of these operations refuses anything.
        refusal: { _ in .internal }, routes: Logins.routes + IssuerSignIn.routes)
}
