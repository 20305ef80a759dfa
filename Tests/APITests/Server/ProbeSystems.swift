import API
import Bus
import Bytes
import Domain
import HTTPTypes
import Store

/// Operations that try the server out, in each of the five shapes.
enum Probe {
    static let shapes: [(name: String, shape: ErrorShape)] = [
        ("hatch", .hatchFarm), ("ink", .inkling), ("gate", .gateway), ("bee", .beeHack), ("steel", .steelThread),
    ]

    static var tables: [APISystem] {
        shapes.map { name, shape in
            APISystem(
                name: name, shape: shape, bases: ["/\(name)", "/alias/\(name)"],
                invalid: shape == .steelThread ? .unprocessableContent : .badRequest,
                unauthorized: shape == .steelThread ? "Could not validate credentials" : "who are you",
                refusal: { Problem(.conflict, "refused", "\($0)") }, routes: routes(name))
        }
    }

    private static func routes(_ name: String) -> [Route] {
        let anything = [Route.Answer.ok(.anything)]
        let body = Schema.object(.required("title", .string(1...255)))
        return [
            .get("/open", "\(name)Open", "Anyone.", tag: "Probe", answers: anything, open),
            .get("/free", "\(name)Free", "Unmetered.", tag: "Probe", answers: anything, metering: .free, open),
            .get("/own", "\(name)Own", "Checks itself.", tag: "Probe", answers: anything, metering: .failures, own),
            .post("/echo", "\(name)Echo", "Member.", tag: "Probe", body: body, answers: anything, echo),
            .post("/once", "\(name)Once", "Once.", tag: "Probe", body: body, answers: anything, once),
            .get("/things/{id}", "\(name)Thing", "One.", tag: "Probe", answers: anything, thing),
            .delete("/things/{id}", "\(name)Drop", "Gone.", tag: "Probe", answers: [.noContent], drop),
            .get("/files/{path*}", "\(name)File", "Rest.", tag: "Probe", answers: anything, file),
            .get("/fails/{how}", "\(name)Fail", "Fails.", tag: "Probe", answers: anything, metering: .free, fail),
            .get("/list", "\(name)List", "Pages.", tag: "Probe", answers: anything, metering: .free, list),
            .get("/tagged", "\(name)Tagged", "ETag.", tag: "Probe", answers: anything, metering: .free, tagged),
            .put("/blob", "\(name)Blob", "Bytes.", tag: "Probe", rawBody: true, answers: anything, blob),
            .get("/packed", "\(name)Packed", "Zstd.", tag: "Probe", answers: anything, metering: .free, packed),
            .get("/wait", "\(name)Wait", "Polls.", tag: "Probe", answers: anything, metering: .free, wait),
            .get("/slow", "\(name)Slow", "Slow.", tag: "Probe", answers: anything, metering: .free, slow),
            .get("/events", "\(name)Events", "SSE.", tag: "Probe", answers: anything, metering: .free, events),
            .get("/workers/{worker}/me", "\(name)Worker", "Worker.", tag: "Probe", answers: anything, worker),
            .get("/queenbee", "\(name)Queenbee", "Queenbee.", tag: "Probe", answers: anything, queenbee),
            .get("/admin", "\(name)Admin", "Admin.", tag: "Probe", answers: anything, admin),
            .get("/acting", "\(name)Acting", "Operator for an owner.", tag: "Probe", answers: anything, acting),
            .get("/operator", "\(name)Operator", "Operator.", tag: "Probe", answers: anything, `operator`),
        ]
    }

    @Sendable private static func open(_ call: Call, _ context: PublicContext) -> Reply {
        .json(.ok, ["id": .string(call.id)])
    }

    @Sendable private static func own(_ call: Call, _ context: PublicContext) throws -> Reply {
        guard call.header(.machineToken) == "good" else { throw Problem.unauthorized("no") }
        return .json(.ok, [:])
    }

    @Sendable private static func echo(_ call: Call, _ member: MemberContext) async throws -> Reply {
        var fields = try await call.body().fields()
        let title = try fields.string("title")
        try fields.end()
        return .json(.created, ["title": .string(title), "owner": .string(member.owner.text)])
            .with(.location, "/things/1")
    }

    @Sendable private static func once(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let body = try await call.body()
        let answer = try await call.once(for: member.owner, body) { tx in
            StoredAnswer(
                status: 201, location: "/x", body: "{\"n\":\(UInt64.random(in: 0 ... .max, using: &tx.random))}")
        }
        return Reply(answer)
    }

    @Sendable private static func thing(_ call: Call, _ context: PublicContext) -> Reply {
        .json(.ok, ["id": .string(call.parameter("id"))])
    }

    @Sendable private static func drop(_ call: Call, _ context: PublicContext) -> Reply { .empty(.noContent) }

    @Sendable private static func file(_ call: Call, _ context: PublicContext) -> Reply {
        .json(.ok, ["path": .string(call.parameter("path"))])
    }

    @Sendable private static func fail(_ call: Call, _ context: PublicContext) throws -> Reply {
        switch call.parameter("how") {
        case "busy": throw DatabaseError.busy("secret internals")
        case "away": throw DatabaseError.unavailable("secret internals")
        case "full": throw DatabaseError.full
        case "unknown": throw DatabaseError.unknownOutcome
        case "bug": throw DatabaseError.failed(code: "42601", message: "secret internals")
        case "nul": throw DatabaseError.invalidText
        case "redis": throw RedisError.unavailable("secret internals")
        case "refusal": throw Refusal.noConsent
        case "field": throw Problem.invalid("a.b", "a.b is wrong")
        default: throw Problem.notFound("way to fail")
        }
    }

    @Sendable private static func list(_ call: Call, _ context: PublicContext) throws -> Reply {
        let page = try call.page()
        return .json(
            .ok,
            [
                "limit": JSON(page.limit), "after": page.after.map { .string($0) } ?? .null,
                "next_cursor": .string(Cursor.encode("id-7")), "q": try call.query["q"].map { .string($0) } ?? .null,
            ])
    }

    @Sendable private static func tagged(_ call: Call, _ context: PublicContext) -> Reply {
        .tagged(.ok, ["b": "é", "a": [1, 2]], for: call)
    }

    @Sendable private static func blob(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let bytes = try await call.content(upTo: 100_000)
        return .json(.ok, ["size": JSON(bytes.count), "sha256": .string(SHA256.hex(bytes))])
    }

    static let packedText = String(repeating: "words and more words. ", count: 10_000)

    @Sendable private static func packed(_ call: Call, _ context: PublicContext) throws -> Reply {
        let packed = try Zstd.compress(Array(packedText.utf8))
        let middle = packed.count / 2
        let chunks = [Array(packed[..<middle]), Array(packed[middle...])]
        return .packed(for: call, type: "text/plain", size: packedText.utf8.count) { number in
            chunks.indices.contains(number) ? chunks[number] : nil
        }
    }

    @Sendable private static func wait(_ call: Call, _ context: PublicContext) async -> Reply {
        let subscription = call.dependencies.bus.subscribe("probe")
        call.dependencies.bus.publish("probe waits")
        return .json(.ok, ["wake": .string("\(await subscription.wait(for: .seconds(20)))")])
    }

    @Sendable private static func slow(_ call: Call, _ context: PublicContext) async throws -> Reply {
        call.dependencies.bus.publish("probe sleeps")
        try await World.live.sleep(.milliseconds(500))
        return .json(.ok, [:])
    }

    @Sendable private static func events(_ call: Call, _ context: PublicContext) -> Reply {
        let subscription = call.dependencies.bus.subscribe("probe")
        call.dependencies.bus.publish("probe waits")
        return .events(for: call) { stream in
            var number = 0
            try await stream.follow(subscription) { stream in
                number += 1
                try await stream.send(id: "\(number)", event: "tick", data: Array("{\"n\":\(number)}\nx".utf8))
                call.dependencies.bus.publish("probe sent \(number)")
                return number == 3
            }
        }
    }

    @Sendable private static func worker(_ call: Call, _ worker: WorkerContext) -> Reply {
        .json(.ok, ["worker": .string(worker.worker.text), "owner": .string(worker.owner.text)])
    }

    @Sendable private static func queenbee(_ call: Call, _ context: QueenbeeContext) -> Reply {
        .json(.ok, ["member": .string(context.caller.member.id.text), "actor": .string(context.caller.actor)])
    }

    @Sendable private static func admin(_ call: Call, _ context: AdminContext) -> Reply {
        .json(.ok, ["member": .string(context.caller.member.id.text), "actor": .string(context.caller.actor)])
    }

    @Sendable private static func acting(_ call: Call, _ context: ActingOperatorContext) -> Reply {
        .json(.ok, ["owner": .string(context.owner.text), "actor": .string(context.actor)])
    }

    @Sendable private static func `operator`(_ call: Call, _ context: OperatorContext) -> Reply {
        .json(.ok, ["actor": .string(context.actor)])
    }
}
