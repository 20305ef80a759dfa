import API
import Bytes
import Domain
import Foundation
import Logging
import Support
import Testing

@testable import hatchfarm

@Suite("Variables of the environment", .timeLimit(.minutes(2)))
struct EnvironmentTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path()

    private func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> ChildProcess {
        let child = try await ChildProcess(FarmServer.program, arguments, environment: environment)
        _ = try await child.end()
        return child
    }

    @Test("the documents in the repository are what the program makes of its variables")
    func documents() throws {
        let documents = try EnvironmentDocument.all(in: Self.root)
        #expect(documents.map(\.path).contains("Ops/reference.md") && documents.count == 3)
        for document in documents {
            let committed = try String(contentsOfFile: "\(Self.root)/\(document.path)", encoding: .utf8)
            let isCurrent = committed == document.text
            #expect(isCurrent, "\(document.path) is stale: swift run hatchfarm environment --update .")
        }
    }

    @Test("a working copy is brought up to date with one command, and nothing but its table and files changes")
    func update() async throws {
        let folder = Scratch.path("copy")
        try FileManager.default.createDirectory(
            atPath: "\(folder)/Ops/deploy/default", withIntermediateDirectories: true)
        let path = "\(folder)/Ops/reference.md"
        func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }
        try write("before\n<!-- hatchfarm environment -->\nstale\n<!-- the end of it -->\nafter\n")
        #expect(try await run("environment", "--update", folder).ending == .exited(0))
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.hasPrefix("before\n<!--") && text.hasSuffix("-->\nafter\n") && !text.contains("stale"))
        #expect(text.contains("| `PORT` | `8080` | server |"))
        let server = try String(contentsOfFile: "\(folder)/Ops/deploy/default/hatchfarm-server", encoding: .utf8)
        #expect(server.contains("\n#PORT=8080\n") && server.contains("\nDATABASE_URL=sqlite:/var/lib/"))
        try write("no place\n")
        #expect(try await run("environment", "--update", folder).ending == .exited(64))
    }

    @Test("each is declared once, in whole sentences, and stands in the help and the manual of what reads it")
    func help() async throws {
        let facts = Variables.list.map(\.facts)
        #expect(Set(facts.map(\.name)).count == facts.count && facts.count > 30)
        for fact in facts {
            let text = "\(fact.about) \(fact.more)".trimmingCharacters(in: .whitespaces)
            #expect(!fact.users.isEmpty && (text.hasSuffix(".") || text.hasSuffix("…")), "\(fact.name)")
        }
        let commands: [([String], VariableUser)] = [
            (["serve"], .server), (["up"], .server), (["migrate"], .server), (["worker"], .worker),
            (["job"], .client), (["agent"], .client), (["wallet"], .client),
        ]
        for (command, user) in commands {
            let child = try await ChildProcess(FarmServer.program, command + ["--help"])
            #expect(try await child.end() == .exited(0))
            let lines = child.output.split(separator: "\n")
            for fact in facts where fact.users.contains(user) {
                #expect(lines.contains { $0.hasPrefix("  \(fact.name)") }, "\(command): \(fact.name)")
            }
        }
        let manual = try #require(ManualPage.all().first { $0.name == "hatchfarm-serve" }).roff
        #expect(manual.contains(".SH \"ENVIRONMENT\"") && manual.contains("HATCHFARM_DEV_LOG"))
        let topic = try await run("help", "environment").output
        let list = try await run("environment").output
        for fact in facts { #expect(topic.contains("  \(fact.name)") && list.contains("  \(fact.name)")) }
        #expect(list.split(separator: "\n").allSatisfy { $0.count < 80 })
    }

    @Test("unset, each is its default; set, it is what was set")
    func values() throws {
        let standard = try Settings(Environment([:]))
        #expect(standard.host == "127.0.0.1" && standard.port == 8_080 && standard.database == "sqlite:./hatchfarm.db")
        #expect(standard.operatorToken == nil && standard.redis == nil && standard.log == nil)
        #expect(standard.basePrices == .standard && standard.allowedOrigins.isEmpty)
        #expect(standard.developmentLog == false && standard.logLevel(otherwise: .notice) == .notice)
        let set = try Settings(
            Environment([
                "PORT": "0", "HOST": "", "REDIS_ADDR": "redis:1", "REDIS_PASSWORD": "p", "HATCHFARM_LOG": "DEBUG",
                "HATCHFARM_DEV_LOG": "on", "ALLOWED_ORIGINS": " https://a.example ,, https://b.example",
                "HATCHFARM_BASE_PRICES": "gpu=1.5", "WITHDRAW_DAILY_CAP_USDT": "7",
                "HATCHFARM_TASK_QUOTA": "70",
            ]))
        #expect(set.host == "127.0.0.1" && set.port == 0 && set.log == .debug)
        let redis = String(describing: set.redis)
        #expect(redis.contains("port: 1,") && redis.contains(#"password: Optional("p")"#), "\(redis)")
        #expect(set.allowedOrigins == ["https://a.example", "https://b.example"])
        #expect(set.basePrices == UnitPrices(core: 20_000, gigabyte: 4_000, gpu: 1_500_000))
        let app = set.app(operatorToken: "t")
        #expect(set.developmentLog && set.logLevel(otherwise: .notice) == .debug && app.withdrawDailyCap == 7_000_000)
        #expect(app.taskQuota == Quota(limit: 70, seconds: 900))
    }

    @Test(
        "a wrong value is one line that names the variable, what it must be and what to do",
        arguments: [
            (
                "PORT", "http",
                "PORT must be a whole number from 0 to 65535, not \"http\"; correct it, or unset it for 8080"
            ),
            ("PORT", "65536", "not \"65536\""), ("PORT", "-1", "not \"-1\""), ("PORT", "1.0", "not \"1.0\""),
            ("HATCHFARM_MEMBER_RATE", "1000001", "from 0 to 1000000"),
            ("HATCHFARM_DRAIN_NOTICE_MS", "5001", "from 0 to 5000"),
            (
                "HATCHFARM_DEV_LOG", "maybe",
                "must be true or false, not \"maybe\"; correct it, or unset it for false"
            ),
            (
                "HATCHFARM_LOG", "loud\u{1B}[2J\nnext",
                "trace, debug, info, notice, warning, error, critical, not \"loud[2Jnext\""
            ),
            ("HATCHFARM_BASE_PRICES", "cpu=0.1,disk=3", "not \"cpu=0.1,disk=3\""),
            ("HATCHFARM_BASE_PRICES", "cpu=-1", "cpu=0.02,gb=0.004,gpu=0.4"),
            ("REDIS_ADDR", "redis:port", "must be HOST or HOST:PORT, not \"redis:port\"; correct it, or unset it"),
            ("PUBLIC_URL", "farm.example", "must be an origin"),
            ("WITHDRAW_DAILY_CAP_USDT", String(repeating: "9", count: 500), "9…\"; correct it"),
        ] as [(String, String, String)])
    func wrong(name: String, value: String, line: String) throws {
        let failure = try #require(throws: Failure.self) { try Settings(Environment([name: value])) }
        #expect(failure.exitCode == 78 && failure.message.hasPrefix("\(name) must be "), "\(failure.message)")
        #expect(failure.message.contains(line) && !failure.message.contains("\n"), "\(failure.message)")
    }

    @Test(
        "a wrong secret is not shown",
        arguments: [
            ("HATCHFARM_API_TOKEN", "hush hush", "`openssl rand -hex 32` generates one"),
            ("JWT_SECRET", "hush", "32 bytes"), ("SUPABASE_JWT_SECRET", "hush", "32 bytes"),
            ("DATABASE_URL", "mysql://me:hush@db/farm", "sqlite:PATH or postgres://"),
            ("HATCHFARM_USERS", "hush", "name:password"),
            ("QUEENBEE_API_KEY", "hush", "16–255 visible ASCII characters"),
        ] as [(String, String, String)])
    func secrets(name: String, value: String, line: String) throws {
        let failure = try #require(throws: Failure.self) { try Settings(Environment([name: value])) }
        #expect(failure.message.hasPrefix("\(name) must be ") && failure.message.contains(line), "\(failure.message)")
        #expect(!failure.message.contains("hush") && failure.exitCode == 78)
    }

    @Test("a server doesn't start with a wrong value, nor does a worker; each minds its own")
    func start() async throws {
        let server = try await run("serve", environment: ["PORT": "0", "HATCHFARM_DEV_LOG": "x"])
        #expect(server.ending == .exited(78))
        #expect(
            server.errors
                == "hatchfarm: HATCHFARM_DEV_LOG must be true or false, not \"x\"; correct it, or unset it for false\n"
        )
        let state = Scratch.path("worker")
        let arguments = ["worker", "--server", "http://127.0.0.1:9", "--api-key", "hf_any", "--state", state]
        for (name, code) in [("HATCHFARM_ALLOW_PRIVATE", Int32(78)), ("HATCHFARM_LOG", 78), ("PORT", 3)] {
            let worker = try await ChildProcess(FarmServer.program, arguments, environment: [name: "x"])
            #expect(try await worker.end() == .exited(code), "\(name): \(worker.errors)")
            #expect(worker.errors.contains("\(name) must be") == (code == 78))
        }
    }

    @Test("the doctor tells every wrong value, what is set, and what nobody reads")
    func doctor() async throws {
        let database = "sqlite:\(Scratch.path("farm.db"))"
        func findings(_ more: [String: String]) async throws -> [JSON] {
            let environment = ["DATABASE_URL": database].merging(more) { $1 }
            let child = try await run("doctor", "--json", environment: environment)
            let json = try JSON(parsing: Array(child.output.utf8))
            return (json["server"]?.array ?? []).filter { $0["name"] == "settings" }
        }
        let wrong = try await findings(["PORT": "x", "REQUIRE_HTTPS": "y", "JWT_SECRET": "hush"])
        #expect(wrong.map { $0["level"] } == ["fail", "fail", "fail"])
        #expect(
            wrong.map { $0["found"]?.string?.split(separator: " ").first } == ["PORT", "JWT_SECRET", "REQUIRE_HTTPS"])
        #expect(wrong.allSatisfy { $0["remedy"]?.string?.isEmpty == false } && !"\(wrong)".contains("hush"))
        let misspelt = try await findings(["HATCHFARM_LOGS": "debug", "PORT": "", "OIDC_X_CLIENT_ID": "c"])
        #expect(misspelt.map { $0["level"] } == ["ok", "warn"])
        #expect(misspelt.first?["found"] == "set: DATABASE_URL, OIDC_X_CLIENT_ID")
        #expect(misspelt.last?["found"]?.string?.hasPrefix("HATCHFARM_LOGS ") == true)
    }

    @Test("a pattern covers the variables of its names, and no others")
    func patterns() {
        let facts = Variables.all.issuerClientID.facts
        #expect(facts.isPattern && facts.covers("OIDC_A_CLIENT_ID") && facts.covers("OIDC_MY_IDP_CLIENT_ID"))
        #expect(
            !facts.covers("OIDC_CLIENT_ID") && !facts.covers("OIDC__CLIENT_ID") && !facts.covers("OIDC_A_CLIENT_IDS"))
        #expect(Variables.all.issuerClientID.named("MY_IDP").facts.name == "OIDC_MY_IDP_CLIENT_ID")
    }
}
