package import Domain
package import HTTPTypes
internal import Logging
package import Store
internal import Synchronization

/// One request on its way to its handler.
package final class Call: Sendable {
    package let head: HTTPRequest
    /// `X-Request-ID`: the client's own when it was well formed.
    package let id: String
    package let dependencies: Dependencies
    let served: ServedRoute
    let authenticator: Authenticator
    let connection: ClientConnection
    let logger: Logger
    /// What a bucket is kept for: the client's address, of IPv6 its first half.
    let address: String
    let isBodyTaken = Atomic(false)
    /// The body, once it was asked for as JSON.
    let whole = SetOnce<Body>()
    let share = Mutex(BodyShare())
    private let standings = Mutex(Standings())
    private let values: [String]

    init(
        _ head: HTTPRequest, id: String, served: ServedRoute, values: [String], address: String,
        connection: ClientConnection, authenticator: Authenticator, logger: Logger
    ) {
        self.head = head
        self.id = id
        self.dependencies = authenticator.dependencies
        self.served = served
        self.values = values
        self.address = address
        self.connection = connection
        self.authenticator = authenticator
        self.logger = logger
    }

    package var route: Route { served.route }
    package var database: Database { dependencies.database }
    package var envelope: Envelope { served.system.envelope }

    /// What paths in replies begin with: `/api/v1`.
    package var canonicalBase: String { served.system.bases.first ?? "" }

    /// The operation and the thing that the path names: what an idempotency key is private to.
    var place: String { ([route.id] + values).joined(separator: " ") }

    /// A named segment of the path, decoded. A name that the route's path doesn't have is our bug.
    package func parameter(_ name: String) throws(InternalError) -> String {
        guard let index = served.parameterNames.firstIndex(of: name), index < values.count else {
            throw InternalError("\(served.path) has no {\(name)}")
        }
        return values[index]
    }

    /// A named segment as an identifier that the server has made: those are in lower case, and found in either.
    package func parameter<Of>(_ name: String, as type: Identifier<Of>.Type) throws(InternalError) -> Identifier<Of> {
        let text = try parameter(name)
        let isOther = text.utf8.contains { 0x41...0x5A ~= $0 } && text.utf8.allSatisfy { $0 < 0x80 }
        return Identifier(isOther ? text.lowercased() : text)
    }

    /// A named segment as the identifier of a device, which its customer has made: in any case.
    package func parameter(_ name: String, as type: DeviceID.Type) throws(InternalError) -> DeviceID {
        DeviceID(try parameter(name))
    }

    /// The first field of the name.
    package func header(_ name: HTTPField.Name) -> String? {
        head.headerFields.first { $0.name == name }?.value
    }

    /// The target's path, as it came.
    var path: Substring { RequestTarget.path(of: head) }
    var rawQuery: Substring { RequestTarget.query(of: head) }

    /// The text behind `Bearer`; nil when there is none.
    var bearer: String? {
        guard let value = header(.authorization), value.utf8.count > 7,
            value.prefix(7).lowercased() == "bearer "
        else { return nil }
        let token = value.dropFirst(7)
        return token.utf8.allSatisfy { 0x21...0x7E ~= $0 } ? String(token) : nil
    }

    /// Whether the client hung up: what it asked for would be given to nobody.
    package var isAbandoned: Bool { connection.isAbandoned }

    /// Whether the process is shutting down: a long poll answers at once, with what it has.
    package var isDraining: Bool { dependencies.drain.isDraining }

    private struct Standings {
        var window: [QuotaStanding] = []
        var daily: [QuotaStanding] = []
    }

    /// What the reply tells of the caller's limits.
    func noteWindow(_ standing: QuotaStanding) { standings.withLock { $0.window.append(standing) } }
    func noteDaily(_ left: [QuotaStanding]) { standings.withLock { $0.daily = left } }
    /// What was counted in a transaction that is being run again was undone.
    func forgetDaily() { noteDaily([]) }

    /// The limit to tell: the one that is used up first.
    func standing(isRefused: Bool) -> QuotaStanding? {
        // A refused call was not counted against a day.
        standings.withLock { isRefused ? $0.window : $0.window + $0.daily }.min { $0.remaining < $1.remaining }
    }

    /// Charges the bucket of the caller's address. Throws 429 when it is empty.
    package func chargeAddress() throws(Problem) {
        if let wait = authenticator.addresses.take(address) { throw .tooMany(retryAfter: wait) }
    }
}

/// The target of a request line.
enum RequestTarget {
    /// Its path and query, of a whole URL too, as proxies send it.
    static func origin(_ target: String) -> String {
        guard target.utf8.first != UInt8(ascii: "/"), let scheme = target.firstRange(of: "://") else { return target }
        let rest = target[scheme.upperBound...].prefix { $0 != "#" }
        let path = rest.drop { $0 != "/" && $0 != "?" }
        return path.utf8.first == UInt8(ascii: "/") ? String(path) : "/" + path
    }

    static func path(of head: HTTPRequest) -> Substring {
        let target = (head.path ?? "/")[...]
        return target.utf8.firstIndex(of: UInt8(ascii: "?")).map { target[..<$0] } ?? target
    }

    static func query(of head: HTTPRequest) -> Substring {
        let target = (head.path ?? "/")[...]
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return "" }
        return target[target.utf8.index(after: mark)...].prefix { $0 != "#" }
    }
}

extension HTTPField.Name {
    /// A name from our own source.
    package static func ours(_ name: StaticString) -> HTTPField.Name {
        // A constant of ours: the first test of the route finds it.
        guard let field = HTTPField.Name("\(name)") else { preconditionFailure("no field name: \(name)") }
        return field
    }

    package static let requestID = ours("X-Request-ID")
    static let traceparent = ours("traceparent")
    package static let ownerID = ours("X-Owner-ID")
    package static let machineToken = ours("X-Machine-Token")
    package static let claimToken = ours("X-Claim-Token")
    package static let artifactName = ours("X-Artifact-Name")
    package static let idempotencyKey = ours("Idempotency-Key")
    static let forwardedFor = ours("X-Forwarded-For")
    static let forwardedProtocol = ours("X-Forwarded-Proto")
    static let frameOptions = ours("X-Frame-Options")
    static let referrerPolicy = ours("Referrer-Policy")
    static let replayed = ours("Idempotency-Replayed")
}
