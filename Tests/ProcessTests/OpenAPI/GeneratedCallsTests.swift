import Bytes
import Foundation
import Support
import Testing

/// What strangers' programs make of the OpenAPI document: schemathesis calls every operation as it says, and otherwise.
@Suite(
    "Calls that another program generates from the document",
    .enabled(if: FileManager.default.fileExists(atPath: CallGenerator.program), "it is installed by Ops/install test"),
    .timeLimit(.minutes(10)))
struct GeneratedCallsTests {
    @Test("no operation fails, answers what isn't documented, or takes what the document forbids")
    func all() async throws {
        try await Farm.run(on: .sqlite, environment: GeneratedScene.environment) { farm in
            let scene = try await GeneratedScene(farm)
            let document = try await FarmClient(farm.server.url).get("/openapi.json").expecting(200).json
            let operations = (document["paths"]?.members ?? []).reduce(0) { $0 + ($1.value.members?.count ?? 0) }
            #expect(operations > 140)
            for (caller, bearer, phases) in [
                ("the operator", FarmServer.operatorToken, "examples,coverage,fuzzing,stateful"),
                ("a member", scene.key, "examples,fuzzing"),
            ] {
                let generator = CallGenerator(scene: scene, bearer: bearer, seed: 7, phases: phases)
                let report = try await generator.run(document, at: farm.server.url)
                #expect(report.code == 0, "as \(caller):\n\(report.text)")
                #expect(report.json["operations"]?["tested"] == JSON(operations), "\(report.text)")
                #expect(report.json["errors"]?.array == [] && report.json["failures"]?.array == [], "as \(caller)")
                // What is only refused isn't tried.
                #expect(report.json["warnings"]?["rate_limited"]?.array == [], "as \(caller)")
            }
            let metrics = try await farm.server.client(of: scene.owner).get("/metrics").expecting(200).text
            let failed = metrics.split(separator: "\n").filter { line in
                line.contains("status=\"5") && !line.contains("/readyz") && !line.hasSuffix(" 0")
            }
            #expect(failed == [], "\(farm.server.log)")
        }
    }
}

/// A farm in which there is something of each kind, of one owner.
struct GeneratedScene {
    static let environment = FleetHome.environment.merging(CallingDevice.environment) { $1 }
        .merging(["HATCHFARM_MEMBER_RATE": "0"]) { $1 }

    let owner: String
    let key: String
    let machine: FarmMachine
    let customer: String
    let device: String
    /// Ids that exist, by the name of the parameter in paths.
    let known: [String: [String]]

    init(_ farm: Farm) async throws {
        let registered = try await FarmClient(farm.server.url).post(
            "/api/register", ["name": "Ann", "handle": "ann"]
        ).expecting(201)
        key = try #require(registered.json["config"]?["api_key"]?.string)
        let member = FarmClient(farm.server.url, [("Authorization", "Bearer \(key)")])
        owner = try #require(try await member.get("/api/v1/agents/me").expecting(200).data["agent"]?["id"]?.string)
        let operated = FarmOwner(farm.server.client(of: owner), id: owner)
        machine = try await operated.machine()
        let ended = try await operated.submitted("ended")
        let grant = try await machine.take()
        _ = try await machine.progress(grant, log: "a line\n").expecting(200)
        _ = try await machine.keep("out.txt", of: grant, Array("kept".utf8)).expecting(200, 201)
        _ = try await machine.finish(grant).expecting(200)
        let pending = try await operated.submitted("pending")
        let bounty = try await member.post(
            "/api/posts", ["title": "Write it", "description": "All of it.", "points": 5]
        ).expecting(201)
        let fleet = try await FleetHome(farm)
        customer = fleet.token
        device = try await ChaosDevice.enroll("unit-1", of: fleet.client).token
        let companion = CallingDevice()
        _ = try await companion.dream("of electric sheep", to: farm.server)
        known = [
            "job": [ended, pending], "worker": [machine.id], "device": ["unit-1"],
            "post": [bounty.json["id"]?.string ?? "1"], "path": ["out.txt"],
            "public_key": [companion.device.key],
        ]
    }
}

/// The program, as `Ops/install test` leaves it.
struct CallGenerator {
    static let program: String = {
        let build = FarmServer.program.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        return build.joined(separator: "/") + "/schemathesis/bin/schemathesis"
    }()

    let scene: GeneratedScene
    let bearer: String
    let seed: Int
    /// Of the program's kinds of tests, those that are run.
    let phases: String

    private static let checks = [
        "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
        "negative_data_rejection",
    ]

    /// Each call comes from another address, so that no bucket of an address runs dry. None waits for long.
    private static let hooks = """
        import itertools
        import schemathesis

        numbers = itertools.count()


        @schemathesis.hook
        def before_call(context, case, **kwargs):
            number = next(numbers)
            case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            for name in ("wait_ms", "waitMs"):
                wait = case.body.get(name) if isinstance(case.body, dict) else None
                if isinstance(wait, int) and 200 < wait <= 20_000:
                    case.body[name] = 200

        """

    /// A stream of a job that waits has no end.
    private func settings(_ hooks: String) -> String {
        let names = scene.known.keys.sorted()
        let lists = names.map { name in
            "[dictionaries.\(name)]\nvalues = \(JSON.array((scene.known[name] ?? []).map { .string($0) }).text())"
        }
        let bindings = names.map { "\"path.\($0)\" = { dictionary = \"\($0)\", probability = 0.7 }" }
        return """
            seed = \(seed)
            hooks = "\(hooks)"
            continue-on-failure = true
            headers = { X-Owner-ID = "\(scene.owner)" }
            [parameters]
            \(bindings.joined(separator: "\n"))
            \(lists.joined(separator: "\n"))
            [auth.openapi]
            bearer = { bearer = "\(bearer)" }
            customerToken = { bearer = "\(scene.customer)" }
            machineToken = { api_key = "\(scene.machine.token)" }
            deviceToken = { api_key = "\(scene.device)" }
            [[operations]]
            include-operation-id = "followJob"
            request-timeout = 0.3
            """
    }

    /// The document comes as a file: the operation that a document came from would not be tried.
    func run(_ document: JSON, at url: String) async throws -> (code: Int32?, text: String, json: JSON) {
        let folder = Scratch.path("generated")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(document.bytes()).write(to: URL(filePath: "\(folder)/openapi.json"))
        try Data(Self.hooks.utf8).write(to: URL(filePath: "\(folder)/hooks.py"))
        try Data(settings("\(folder)/hooks.py").utf8).write(to: URL(filePath: "\(folder)/settings.toml"))
        let child = try await ChildProcess(
            Self.program,
            [
                "--config-file", "settings.toml", "run", "openapi.json", "--url", url, "--no-color", "--checks",
                Self.checks.joined(separator: ","), "--max-examples", "4", "--phases", phases, "--report", "json",
                "--report-json-path", "report.json",
            ], environment: ["PYTHONDONTWRITEBYTECODE": "1"], folder: folder)
        let ending = try await child.end(within: .seconds(240))
        let report = FileManager.default.contents(atPath: "\(folder)/report.json").map { Array($0) } ?? []
        var code: Int32?
        if case .exited(let status) = ending { code = status }
        let limits = JSONLimits(depth: 64, keys: 100_000)
        return (code, child.output + child.errors, (try? JSON(parsing: report, limits: limits)) ?? .null)
    }
}
