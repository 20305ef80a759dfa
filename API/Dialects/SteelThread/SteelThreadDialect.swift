internal import HTTPTypes

extension DialectTable {
    /// What people with a login call (CONTRACT 9).
    package static let steelThread = DialectTable(
        name: "SteelThread", shape: .steelThread, bases: [""], owns: ["/auth"], invalid: .unprocessableContent,
        unauthorized: "Could not validate credentials",
        // None of these operations refuses anything.
        refusal: { _ in .internal }, routes: Logins.routes + IssuerSignIn.routes)
}
