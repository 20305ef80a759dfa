package import Domain
package import HTTPTypes

/// A system as the server sees it: where it lives, how it speaks of errors, and its routes.
package struct APISystem: Sendable {
    package let name: String
    package let envelope: Envelope
    /// Every route is served under each of them; the first is the canonical one.
    package let bases: [String]
    /// The prefixes whose unknown paths are refused in this system's shape; the longest one wins.
    package let prefixes: [String]
    /// The status of malformed JSON and of a wrong field: 400 or 422.
    package let invalid: HTTPResponse.Status
    /// What a 401 says when the credential is missing or wrong.
    package let unauthorized: String
    /// The refusals whose words differ from the server's own; nil for all others.
    package let overrides: @Sendable (Refusal) -> Problem?
    /// Whether paths that nobody owns are refused in its words.
    package let isDefault: Bool
    package let routes: [Route]

    /// - Parameter owns: below each base; empty for all of it.
    package init(
        name: String, envelope: Envelope, bases: [String], owns: [String] = [""],
        invalid: HTTPResponse.Status = .badRequest, unauthorized: String = "missing or invalid credentials",
        overrides: @escaping @Sendable (Refusal) -> Problem? = { _ in nil }, isDefault: Bool = false,
        routes: [Route]
    ) {
        self.name = name
        self.envelope = envelope
        self.bases = bases
        self.prefixes = bases.flatMap { base in owns.map { base + $0 } }
        self.invalid = invalid
        self.unauthorized = unauthorized
        self.overrides = overrides
        self.isDefault = isDefault
        self.routes = routes
    }
}

/// A route at one of its places.
final class ServedRoute: Sendable {
    let route: Route
    let system: APISystem
    /// The whole template: `/api/v1/jobs/{job}`.
    let path: String
    /// Whether this is another name of the route's first place.
    let isAlias: Bool
    let parameterNames: [String]
    let meter: RouteMeter

    init(_ route: Route, of system: APISystem, base: String) {
        self.route = route
        self.system = system
        self.path = base + route.path
        self.isAlias = base != system.bases.first
        self.parameterNames = PathTemplate(base + route.path).names
        self.meter = RouteMeter()
    }
}

/// `/a/{b}/{c*}` taken apart.
struct PathTemplate {
    enum Segment: Equatable {
        case literal(Substring)
        case one(String)
        case rest(String)
    }

    let segments: [Segment]

    init(_ path: String) {
        segments = path.split(separator: "/").map { segment in
            guard segment.first == "{", segment.last == "}" else { return .literal(segment) }
            let name = segment.dropFirst().dropLast()
            return name.last == "*" ? .rest(String(name.dropLast())) : .one(String(name))
        }
    }

    var names: [String] {
        segments.compactMap { segment in
            switch segment {
            case .literal: nil
            case .one(let name), .rest(let name): name
            }
        }
    }
}
