package import HTTPTypes

/// One operation of a system: where it is, what it says of itself, and what serves it.
package struct Route: Sendable {
    package let method: HTTPRequest.Method
    /// `/workers/{worker}/artifacts/{path*}`: a name takes one segment, a starred one the rest.
    package let path: String
    /// `operationId`, unique over all systems.
    package let id: String
    package let summary: String
    package let tag: String
    package let access: Access
    package let metering: Metering
    package let query: [Parameter]
    package let headers: [Parameter]
    package let body: Schema?
    package let hasRawBody: Bool
    package let answers: [Answer]
    let respond: @Sendable (Call) async throws -> Reply

    /// What a caller must present.
    package enum Access: Sendable { case anyone, member, queenbee, admin, worker, `operator`, actingOperator }

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

    /// A success. Errors are documented by the system's shape.
    package struct Answer: Sendable {
        let status: HTTPResponse.Status
        let schema: Schema?
        let type: String
        let note: String

        package init(
            _ status: HTTPResponse.Status, _ schema: Schema? = nil, type: String = "application/json",
            _ note: String = ""
        ) {
            self.status = status
            self.schema = schema
            self.type = type
            self.note = note.isEmpty ? status.reasonPhrase : note
        }

        package static func ok(_ schema: Schema, type: String = "application/json") -> Answer {
            Answer(.ok, schema, type: type)
        }

        package static func created(_ schema: Schema) -> Answer { Answer(.created, schema) }
        package static let notModified = Answer(.notModified)
        package static let noContent = Answer(.noContent)
    }

    package init<Context: CallContext>(
        _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String, tag: String,
        query: [Parameter] = [], headers: [Parameter] = [], body: Schema? = nil, rawBody: Bool = false,
        answers: [Answer], metering: Metering = .calls,
        _ handler: @escaping @Sendable (Call, Context) async throws -> Reply
    ) {
        self.method = method
        self.path = path
        self.id = id
        self.summary = summary
        self.tag = tag
        self.access = Context.access
        self.metering = metering
        self.query = query
        self.headers = headers
        self.body = body
        self.hasRawBody = rawBody
        self.answers = answers
        self.respond = { call in
            let context = try await Context.admit(call)
            return try await handler(call, context)
        }
    }
}

/// One line for each method, so that a route table reads as one.
extension Route {
    package static func get<Context: CallContext>(
        _ path: String, _ id: String, _ summary: String, tag: String, query: [Parameter] = [],
        headers: [Parameter] = [], answers: [Answer], metering: Metering = .calls,
        _ handler: @escaping @Sendable (Call, Context) async throws -> Reply
    ) -> Route {
        Route(
            .get, path, id, summary, tag: tag, query: query, headers: headers, answers: answers, metering: metering,
            handler)
    }

    package static func post<Context: CallContext>(
        _ path: String, _ id: String, _ summary: String, tag: String, query: [Parameter] = [],
        headers: [Parameter] = [], body: Schema? = nil, rawBody: Bool = false, answers: [Answer],
        metering: Metering = .calls, _ handler: @escaping @Sendable (Call, Context) async throws -> Reply
    ) -> Route {
        Route(
            .post, path, id, summary, tag: tag, query: query, headers: headers, body: body, rawBody: rawBody,
            answers: answers, metering: metering, handler)
    }

    package static func put<Context: CallContext>(
        _ path: String, _ id: String, _ summary: String, tag: String, query: [Parameter] = [],
        headers: [Parameter] = [], body: Schema? = nil, rawBody: Bool = false, answers: [Answer],
        _ handler: @escaping @Sendable (Call, Context) async throws -> Reply
    ) -> Route {
        Route(
            .put, path, id, summary, tag: tag, query: query, headers: headers, body: body, rawBody: rawBody,
            answers: answers, handler)
    }

    package static func patch<Context: CallContext>(
        _ path: String, _ id: String, _ summary: String, tag: String, headers: [Parameter] = [],
        body: Schema? = nil, answers: [Answer],
        _ handler: @escaping @Sendable (Call, Context) async throws -> Reply
    ) -> Route {
        Route(.patch, path, id, summary, tag: tag, headers: headers, body: body, answers: answers, handler)
    }

    package static func delete<Context: CallContext>(
        _ path: String, _ id: String, _ summary: String, tag: String, headers: [Parameter] = [], answers: [Answer],
        _ handler: @escaping @Sendable (Call, Context) async throws -> Reply
    ) -> Route {
        Route(.delete, path, id, summary, tag: tag, headers: headers, answers: answers, handler)
    }
}

/// Parameters that many operations share.
extension Route.Parameter {
    static let idempotencyKey = Route.Parameter(
        "Idempotency-Key", .string(1...255), "Makes a repeated call answer as the first did.")
    static let ifNoneMatch = Route.Parameter("If-None-Match", .string(), "Entity tags that you know already.")
    static let page = [
        Route.Parameter("limit", .integer(1...100), "How many, 50 when absent."),
        Route.Parameter("cursor", .string(), "The `next_cursor` of the page before."),
    ]
}
