package import Bytes

/// How callers of an operation prove who they are. A context carries one; a new kind is a new value beside its context,
/// and nothing else changes.
package struct Authentication: Sendable {
    /// Its name under `components/securitySchemes`; nil: anyone may call.
    let scheme: String?
    /// Its object there.
    let object: JSON
    /// Whether `X-Owner-ID` names whom the call acts for.
    let owner: OwnerHeader
    /// Which calls the bucket of the caller's address pays for, unless the route says otherwise.
    let metering: Route.Metering

    package enum OwnerHeader: Sendable { case unused, optional, required }

    package init(
        scheme: String?, _ object: JSON = .null, owner: OwnerHeader = .unused, metering: Route.Metering = .calls
    ) {
        self.scheme = scheme
        self.object = object
        self.owner = owner
        self.metering = metering
    }

    package static let none = Authentication(scheme: nil)

    /// `Authorization: Bearer`: a member's API key, the token of a login, or the operator's token (CONTRACT 3).
    package static func bearer(owner: OwnerHeader) -> Authentication {
        Authentication(
            scheme: "bearer",
            [
                "type": "http", "scheme": "bearer",
                "description": "A member's API key, the token of a login, or the operator's token.",
            ], owner: owner)
    }

    /// A machine by the token it was registered with.
    package static let machineToken = Authentication(
        scheme: "machineToken", ["type": "apiKey", "in": "header", "name": "X-Machine-Token"])

    /// The same, with other calls paid for by the address's bucket.
    package func metered(_ metering: Route.Metering) -> Authentication {
        Authentication(scheme: scheme, object, owner: owner, metering: metering)
    }

    /// As the document asks for it.
    var security: JSON { scheme.map { [.object([JSON.Member($0, [])])] } ?? [] }
}
