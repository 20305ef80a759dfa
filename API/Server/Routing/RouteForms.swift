package import Bytes
package import HTTPTypes

// Operations whose bodies are said once: a handler takes what its input read and returns what its answer writes.

extension Route {
    /// A call without a body.
    package init<Context: CallContext, Value: Sendable>(
        _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String, query: [Parameter] = [],
        headers: [Parameter] = [], _ success: Success<Value>, metering: Metering? = nil, quotas: [RouteQuota] = [],
        _ handler: @escaping @Sendable (Call, Context) async throws -> Value
    ) {
        self.init(
            method, path, id, summary, query: query, headers: headers + success.headers(of: method),
            answers: success.answers(of: method),
            metering: metering, quotas: quotas
        ) { (call: Call, context: Context) in
            success.reply(try await handler(call, context), for: call)
        }
    }

    /// A call with a body.
    package init<Context: CallContext, Body: Sendable, Value: Sendable>(
        _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String, query: [Parameter] = [],
        headers: [Parameter] = [], body: Input<Body>, _ success: Success<Value>, metering: Metering? = nil,
        quotas: [RouteQuota] = [], _ handler: @escaping @Sendable (Call, Context, Body) async throws -> Value
    ) {
        self.init(
            method, path, id, summary, query: query, headers: headers + success.headers(of: method),
            body: body.map { _ in },
            answers: success.answers(of: method), metering: metering, quotas: quotas
        ) { (call: Call, context: Context) in
            success.reply(try await handler(call, context, call.read(body)), for: call)
        }
    }

    /// A call whose effect is one transaction; it takes an `Idempotency-Key`.
    package init<Context: CallContext, Value: Sendable>(
        _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String, query: [Parameter] = [],
        headers: [Parameter] = [.idempotencyKey], _ success: Success<Value>, metering: Metering? = nil,
        quotas: [RouteQuota] = [], _ handler: @escaping @Sendable (Call, Context) async throws -> Effect<Value>
    ) {
        self.init(
            method, path, id, summary, query: query, headers: headers, answers: success.answers(of: method),
            metering: metering,
            quotas: quotas
        ) { (call: Call, context: Context) in
            try await handler(call, context).reply(success, for: call, by: context)
        }
    }

    /// A call with a body whose effect is one transaction; it takes an `Idempotency-Key`.
    package init<Context: CallContext, Body: Sendable, Value: Sendable>(
        _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String, query: [Parameter] = [],
        headers: [Parameter] = [.idempotencyKey], body: Input<Body>, _ success: Success<Value>,
        metering: Metering? = nil, quotas: [RouteQuota] = [],
        _ handler: @escaping @Sendable (Call, Context, Body) async throws -> Effect<Value>
    ) {
        self.init(
            method, path, id, summary, query: query, headers: headers, body: body.map { _ in },
            answers: success.answers(of: method),
            metering: metering, quotas: quotas
        ) { (call: Call, context: Context) in
            try await handler(call, context, call.read(body)).reply(success, for: call, by: context)
        }
    }

    /// A page of a list: what was found, one item more than fits if there is another page.
    package init<Context: CallContext, Item: Sendable, Place: Sendable>(
        _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String, query: [Parameter] = [],
        _ list: PagedList<Item, Place>, metering: Metering? = nil, quotas: [RouteQuota] = [],
        _ handler: @escaping @Sendable (Call, Context, Page<Place>) async throws -> [Item]
    ) {
        self.init(method, path, id, summary, query: query, list, metering: metering, quotas: quotas) {
            (call: Call, context: Context, page: Page<Place>) in
            list.cut(try await handler(call, context, page), to: page)
        }
    }

    /// A page of a list whose query knows where it goes on.
    package init<Context: CallContext, Item: Sendable, Place: Sendable>(
        _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String, query: [Parameter] = [],
        _ list: PagedList<Item, Place>, metering: Metering? = nil, quotas: [RouteQuota] = [],
        _ handler: @escaping @Sendable (Call, Context, Page<Place>) async throws -> CutPage<Item>
    ) {
        let success = list.success
        self.init(
            method, path, id, summary, query: query + list.parameters, headers: success.headers(of: method),
            answers: success.answers(of: method), metering: metering, quotas: quotas
        ) { (call: Call, context: Context) in
            success.reply(try await handler(call, context, call.page(of: list)), for: call)
        }
    }
}

extension Success {
    fileprivate func headers(of method: HTTPRequest.Method) -> [Route.Parameter] {
        isTagged && method == .get ? [.ifNoneMatch] : []
    }
}

extension Schema {
    /// Whether no body at all is as good as an empty object.
    var asksForNothing: Bool {
        guard case .record(let properties) = self else { return false }
        return !properties.contains(where: \.isRequired)
    }
}

extension Call {
    /// The body as `input` reads it. Throws 413, 415, `JSONError` or `FieldError`.
    package func read<Value>(_ input: Input<Value>) async throws -> Value {
        let body = try await body()
        return try input.read(body.isEmpty && input.schema.asksForNothing ? .object([]) : body.json())
    }
}
