internal import HTTPTypes

/// All routes of all systems, found by path and method. A known path with another method is told apart from an
/// unknown path, so that it can be answered by 405 (CONTRACT 1).
struct RouteTable: Sendable {
    enum Match {
        case served(ServedRoute, [String])
        case wrongMethod(ServedRoute, allow: String)
        case unknown(APISystem?)
    }

    let routes: [ServedRoute]
    /// Whose words refuse a path that nobody owns.
    let defaultSystem: APISystem
    private let fixed: [Substring: Leaf]
    private let tree: Node
    private let owners: [(prefix: String, system: APISystem)]

    init(_ systems: [APISystem]) {
        var routes: [ServedRoute] = []
        var tree = Node()
        for system in systems {
            for base in system.bases {
                for route in system.routes {
                    let served = ServedRoute(route, of: system, base: base)
                    routes.append(served)
                    tree.insert(served, at: PathTemplate(served.path).segments[...])
                }
            }
        }
        self.routes = routes
        guard let defaultSystem = systems.first(where: \.isDefault) ?? systems.first else {
            // The table is made at the start.
            preconditionFailure("a server serves at least one system")
        }
        self.defaultSystem = defaultSystem
        self.tree = tree
        self.fixed = Dictionary(
            grouping: routes.filter { $0.parameterNames.isEmpty }, by: { $0.path[...] }
        ).mapValues { Leaf(routes: $0) }
        self.owners = systems.flatMap { system in system.prefixes.map { ($0, system) } }
            .sorted { $0.0.utf8.count > $1.0.utf8.count }
    }

    /// `path` as it came, without the query.
    func match(_ method: HTTPRequest.Method, _ path: Substring) -> Match {
        if let leaf = fixed[path] { return leaf.match(method, []) }
        guard path.utf8.first == UInt8(ascii: "/") else { return .unknown(owner(of: path)) }
        let segments = path.dropFirst().split(
            separator: "/", maxSplits: Self.maxSegments, omittingEmptySubsequences: false)
        guard segments.count <= Self.maxSegments, let (leaf, raw) = tree.find(segments[...]) else {
            return .unknown(owner(of: path))
        }
        var values: [String] = []
        for value in raw {
            guard let decoded = PercentCoding.decode(value) else { return .unknown(owner(of: path)) }
            values.append(decoded)
        }
        return leaf.match(method, values)
    }

    /// The system whose words refuse an unknown path.
    func owner(of path: Substring) -> APISystem? {
        owners.first { prefix, _ in
            path.hasPrefix(prefix)
                && (path.utf8.count == prefix.utf8.count
                    || path.utf8.dropFirst(prefix.utf8.count).first == UInt8(ascii: "/"))
        }?.system
    }

    private static let maxSegments = 32
}

/// The routes that share a path, by method.
private struct Leaf: Sendable {
    var routes: [ServedRoute] = []

    func match(_ method: HTTPRequest.Method, _ values: [String]) -> RouteTable.Match {
        if let served = routes.first(where: { $0.route.method == method }) { return .served(served, values) }
        // A HEAD without a route of its own is a GET whose body isn't sent.
        if method == .head, let served = routes.first(where: { $0.route.method == .get }) {
            return .served(served, values)
        }
        guard let first = routes.first else { return .unknown(nil) }
        var methods = routes.map(\.route.method.rawValue)
        if methods.contains("GET") { methods.append("HEAD") }
        return .wrongMethod(first, allow: methods.sorted().joined(separator: ", "))
    }
}

private struct Node: Sendable {
    private var literals: [Substring: Node] = [:]
    /// At most one: it takes a segment, whatever it is.
    private var one: [Node] = []
    private var rest: Leaf?
    private var leaf: Leaf?

    mutating func insert(_ served: ServedRoute, at segments: ArraySlice<PathTemplate.Segment>) {
        switch segments.first {
        case nil: leaf = Leaf(routes: (leaf?.routes ?? []) + [served])
        case .literal(let text): literals[text, default: Node()].insert(served, at: segments.dropFirst())
        case .one:
            if one.isEmpty { one = [Node()] }
            one[0].insert(served, at: segments.dropFirst())
        case .rest: rest = Leaf(routes: (rest?.routes ?? []) + [served])
        }
    }

    /// Literals win over names, one segment over the rest.
    func find(_ segments: ArraySlice<Substring>) -> (Leaf, [Substring])? {
        guard let segment = segments.first else { return leaf.map { ($0, []) } }
        if let found = literals[segment]?.find(segments.dropFirst()) { return found }
        guard !segment.isEmpty else { return nil }
        if let (leaf, values) = one.first?.find(segments.dropFirst()) { return (leaf, [segment] + values) }
        guard let rest, let last = segments.last else { return nil }
        return (rest, [segment.base[segment.startIndex..<last.endIndex]])
    }
}
