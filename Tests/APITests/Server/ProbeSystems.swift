import API
import Bus
import Bytes
import Domain
import HTTPTypes
import Store

/// Operations that try the server out, in each of the five shapes of a refusal.
enum Probe {
    static let shapes: [(name: String, failure: Shape<RefusedCall>)] = [
        ("hatch", hatch), ("ink", ink), ("gate", gate), ("bee", bee), ("steel", .located("SteelProbeError")),
    ]

    private static let hatch = Shape<RefusedCall>("HatchProbeError") {
        constant("success", false)
        field("error", .string) { $0.problem.message }
        field("code", .string) { $0.problem.code }
        optionalField("field", .string) { $0.problem.field }
    }

    private static let ink = Shape<RefusedCall>("InkProbeError") {
        field("error", .string) { $0.problem.message }
        field("code", .string) { $0.problem.code.uppercased() }
    }

    static let gate = Shape<RefusedCall>("GateProbeError") {
        field("error", gateError) { $0.problem }
    }

    private static let gateError = Shape<Problem> {
        field("code", .string) { $0.code.uppercased() }
        field("message", .string) { $0.message }
        field("details", .anyObject) { problem in
            problem.details ?? problem.field.map { ["field": .string($0)] } ?? [:]
        }
    }

    private static let bee = Shape<RefusedCall>("BeeProbeError") { field("error", .string) { $0.problem.message } }

    static var tables: [APISystem] {
        shapes.map { name, failure in
            APISystem(
                name: name, envelope: .bare(failure: failure), bases: ["/\(name)", "/alias/\(name)"],
                invalid: name == "steel" ? .unprocessableContent : .badRequest,
                unauthorized: name == "steel" ? "Could not validate credentials" : "who are you",
                overrides: overrides, routes: routes(name))
        }
    }

    /// All but a limit that is told of.
    @Sendable private static func overrides(_ refusal: Refusal) -> Problem? {
        if case .limitReached = refusal { return nil }
        return Problem(.conflict, "refused", "\(refusal)")
    }

    private static func routes(_ name: String) -> [Route] {
        let anything = [Route.Answer.ok(.anything)]
        return [
            Route(.get, "/open", "\(name)Open", "Anyone.", answers: anything, open),
            Route(.get, "/free", "\(name)Free", "Unmetered.", answers: anything, metering: .free, open),
            Route(.get, "/own", "\(name)Own", "Checks itself.", answers: anything, metering: .failures, own),
            Route(.post, "/echo", "\(name)Echo", "Member.", body: titled, .created(echoed) { _ in "/things/1" }, echo),
            Route(.post, "/once", "\(name)Once", "Once.", body: titled, .created(number) { _ in "/x" }, once),
            Route(
                .post, "/daily", "\(name)Daily", "Three a day.", body: titled, .created(echoed),
                quotas: [.daily("probe", 3)], daily),
            Route(
                .get, "/window", "\(name)Window", "As often as one may log in.", .ok(number), metering: .free,
                quotas: [.window { $0.loginQuota }]
            ) { (_: Call, _: PublicContext) in "1" },
            Route(
                .get, "/turns", "\(name)Turns", "As often, by member.", .ok(number), quotas: [.window { $0.loginQuota }]
            ) { (_: Call, _: MemberContext) in "1" },
            Route(
                .post, "/both", "\(name)Both", "Two a day, and a window.", body: titled, .created(number),
                quotas: [.window { $0.taskQuota }, .daily("both", 2)], once),
            Route(.get, "/things/{id}", "\(name)Thing", "One.", answers: anything, thing),
            Route(.delete, "/things/{id}", "\(name)Drop", "Gone.", answers: [.noContent], drop),
            Route(.get, "/files/{path*}", "\(name)File", "Rest.", answers: anything, file),
            Route(.get, "/fails/{how}", "\(name)Fail", "Fails.", answers: anything, metering: .free, fail),
            Route(.get, "/list", "\(name)List", "Pages.", items, metering: .free, list),
            Route(.get, "/tagged", "\(name)Tagged", "ETag.", .tagged(tagged), metering: .free) {
                (_: Call, _: PublicContext) in "é"
            },
            Route(.put, "/blob", "\(name)Blob", "Bytes.", rawBody: true, answers: anything, blob),
            Route(.get, "/packed", "\(name)Packed", "Zstd.", answers: anything, metering: .free, packed),
            Route(.get, "/wait", "\(name)Wait", "Polls.", answers: anything, metering: .free, wait),
            Route(.get, "/slow", "\(name)Slow", "Slow.", answers: anything, metering: .free, slow),
            Route(.get, "/events", "\(name)Events", "SSE.", answers: anything, metering: .free, events),
            Route(.get, "/breaks", "\(name)Breaks", "Breaks.", answers: anything, metering: .free, breaks),
            Route(.get, "/workers/{worker}/me", "\(name)Worker", "Worker.", answers: anything, worker),
            Route(.get, "/queenbee", "\(name)Queenbee", "Queenbee.", answers: anything, queenbee),
            Route(.get, "/admin", "\(name)Admin", "Admin.", answers: anything, admin),
            Route(.get, "/acting", "\(name)Acting", "Operator for an owner.", answers: anything, acting),
            Route(.get, "/operator", "\(name)Operator", "Operator.", answers: anything, `operator`),
        ].tagged("Probe")
    }

    private static let titled = Input { required("title", .text(1...255)) }

    private typealias Echoed = (title: String, owner: OwnerID)

    private static let echoed = Shape<Echoed> {
        field("title", .text(1...255)) { $0.title }
        field("owner", .owner) { $0.owner }
    }

    private static let number = Shape<String> { field("n", .string) { $0 } }

    private static let tagged = Shape<String> {
        field("b", .string) { $0 }
        constant("a", [1, 2])
    }

    private static let items = PagedList(
        "items",
        of: Shape<Page<String>> {
            field("limit", .integer) { Int64($0.limit) }
            field("after", .nullable(.string)) { $0.after }
        }, by: .text
    ) { _ in "id-7" }

    @Sendable private static func list(
        _ call: Call, _ context: PublicContext, _ page: Page<String>
    ) throws -> CutPage<Page<String>> {
        items.page([page], next: try call.query["q"] ?? "id-7")
    }

    @Sendable private static func open(_ call: Call, _ context: PublicContext) -> Reply {
        .json(.ok, ["id": .string(call.id)])
    }

    @Sendable private static func own(_ call: Call, _ context: PublicContext) throws -> Reply {
        guard call.header(.machineToken) == "good" else { throw Problem.unauthorized("no") }
        return .json(.ok, [:])
    }

    @Sendable private static func echo(_ call: Call, _ member: MemberContext, _ title: String) -> Echoed {
        (title, member.owner)
    }

    @Sendable private static func once(_ call: Call, _ member: MemberContext, _ title: String) -> Effect<String> {
        Effect(for: member.owner) { tx in "\(UInt64.random(in: 0 ... .max, using: &tx.random))" }
    }

    /// What is counted goes with the transaction: a title of `fail` or `bug` counts nothing.
    @Sendable private static func daily(_ call: Call, _ member: MemberContext, _ title: String) -> Effect<Echoed> {
        Effect { _ in
            switch title {
            case "fail": throw Refusal.noConsent
            case "bug": throw InternalError("secret internals")
            default: return (title, member.owner)
            }
        }
    }

    @Sendable private static func thing(_ call: Call, _ context: PublicContext) throws -> Reply {
        .json(.ok, ["id": .string(try call.parameter("id"))])
    }

    @Sendable private static func drop(_ call: Call, _ context: PublicContext) -> Reply { .empty(.noContent) }

    @Sendable private static func file(_ call: Call, _ context: PublicContext) throws -> Reply {
        .json(.ok, ["path": .string(try call.parameter("path"))])
    }

    @Sendable private static func fail(_ call: Call, _ context: PublicContext) async throws -> Reply {
        switch try call.parameter("how") {
        case "busy": throw DatabaseError.busy("secret internals")
        case "away": throw DatabaseError.unavailable("secret internals")
        case "full": throw DatabaseError.full
        case "unknown": throw DatabaseError.unknownOutcome
        case "bug": throw DatabaseError.failed(code: "42601", message: "secret internals")
        case "written":
            try await call.database.write { tx in
                _ = try tx.registerMachine(
                    owner: OwnerID("probe"), actor: "probe", name: "m", capacity: nil, hourlyPrice: nil, tokenHash: "h")
                throw InternalError("secret internals")
            }
            throw Problem.notFound("bug")
        case "parameter": return .json(.ok, ["id": .string(try call.parameter("nobody's"))])
        case "nul": throw DatabaseError.invalidText
        case "redis": throw RedisError.unavailable("secret internals")
        case "refusal": throw Refusal.noConsent
        case "field": throw Problem.invalid("a.b", "a.b is wrong")
        default: throw Problem.notFound("way to fail")
        }
    }

    @Sendable private static func blob(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let bytes = try await call.content(upTo: 100_000)
        return .json(.ok, ["size": JSON(bytes.count), "sha256": .string(SHA256.hex(bytes))])
    }

    /// More than goes through the unpacker at once.
    static let packedText = (0..<40_000).map { "word \($0)\n" }.joined()
    static let packedHash = SHA256.hex(packedText)

    @Sendable private static func packed(_ call: Call, _ context: PublicContext) throws -> Reply {
        let packed = try Zstd.compress(Array(packedText.utf8))
        let middle = packed.count / 2
        let chunks = [Array(packed[..<middle]), Array(packed[middle...])]
        return try .file(for: call, hash: packedHash, size: packedText.utf8.count) { number in
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

    @Sendable private static func breaks(_ call: Call, _ context: PublicContext) -> Reply {
        .events(for: call) { stream in
            try await stream.send(data: Array("one".utf8))
            throw InternalError("secret internals")
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
