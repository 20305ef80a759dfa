package import Bytes
package import HTTPTypes

/// One operation of a system: where it is, what it says of itself, and what serves it.
package struct Route: Sendable {
    package let method: HTTPRequest.Method
    /// `/workers/{worker}/artifacts/{path*}`: a name takes one segment, a starred one the rest.
    package let path: String
    /// `operationId`, unique over all systems.
    package let id: String
    package let summary: String
    package var tag = ""
    package let authentication: Authentication
    package var metering: Metering
    package var quotas: [RouteQuota] = []
    package var query: [Parameter] = []
    package var headers: [Parameter] = []
    /// Reads it as the handler does.
    package var body: Input<Void>?
    package var hasRawBody = false
    package var answers: [Answer]
    let respond: @Sendable (Call) async throws -> Reply

    /// Which calls the bucket of the caller's address pays for.
    package enum Metering: Sendable {
        /// All that come without a good credential: of a public operation, every one.
        case calls
        /// Only those that end in 401: the operation checks a credential of its own.
        case failures
        case free
    }

    /// In the query or a header.
    package struct Parameter: Sendable {
        let name: String
        let schema: Schema
        let note: String
        let isRequired: Bool

        package init(_ name: String, _ schema: Schema, _ note: String, isRequired: Bool = false) {
            self.name = name
            self.schema = schema
            self.note = note
            self.isRequired = isRequired
        }
    }

    /// What may be answered, for the document. Errors are documented by the system's envelope.
    package struct Answer: Sendable {
        let status: HTTPResponse.Status
        let schema: Schema?
        let type: String
        let note: String
        /// Whether the schema is that of data, in the system's envelope.
        var isEnveloped = true

        package init(
            _ status: HTTPResponse.Status, _ schema: Schema? = nil, type: String = "application/json",
            _ note: String = ""
        ) {
            self.status = status
            self.schema = schema
            self.type = type
            self.note = note.isEmpty ? status.reasonPhrase : note
            isEnveloped = type == "application/json"
        }

        package static func ok(_ schema: Schema, type: String = "application/json") -> Answer {
            Answer(.ok, schema, type: type)
        }

        package static func created(_ schema: Schema) -> Answer { Answer(.created, schema) }
        package static let notModified = Answer(.notModified)
        package static let noContent = Answer(.noContent)
    }

    /// An operation that makes its reply by itself: streams, files, and what is asked thousands of times a second.
    package init<Context: CallContext>(
        _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String, query: [Parameter] = [],
        headers: [Parameter] = [], body: Input<Void>? = nil, rawBody: Bool = false, answers: [Answer],
        metering: Metering? = nil, quotas: [RouteQuota] = [],
        _ handler: @escaping @Sendable (Call, Context) async throws -> Reply
    ) {
        self.method = method
        self.path = path
        self.id = id
        self.summary = summary
        authentication = Context.authentication
        self.metering = metering ?? Context.authentication.metering
        self.quotas = quotas
        self.query = query
        self.headers = headers
        self.body = body
        hasRawBody = rawBody
        self.answers = answers
        let windows = quotas.compactMap(\.window)
        respond = { call in
            defer { call.giveShare() }
            let context = try await Context.admit(call)
            call.setTenant(context.tenant)
            for window in windows { try call.take(window, by: context.quotaSubject ?? call.address) }
            return try await handler(call, context)
        }
    }
}

extension [Route] {
    /// All under one heading of the document.
    package func tagged(_ tag: String) -> [Route] {
        map { route in
            var copy = route
            copy.tag = tag
            return copy
        }
    }
}

/// Parameters that many operations share.
extension Route.Parameter {
    static let idempotencyKey = Route.Parameter(
        "Idempotency-Key", .string(1...255), "Makes a repeated call answer as the first did.")
    static let ifNoneMatch = Route.Parameter("If-None-Match", .string(), "Entity tags that you know already.")
}
