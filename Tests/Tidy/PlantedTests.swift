import Testing

/// A checker that never caught a planted bug proves nothing (PROMISES 0.11).
@Suite("Every rule finds what is planted, and spares what only looks like it")
struct PlantedTests {
    /// `bad` must be found on the line given, `good` must not be found.
    private func catches(
        _ rule: Rule, in path: String = "API/Server/App.swift", line: Int = 1, bad: [String], good: [String] = [],
        location: SourceLocation = #_sourceLocation
    ) {
        for text in bad {
            let lines = rule.findings(in: Source(path, text)).map(\.line)
            #expect(lines == [line], "\(text)", sourceLocation: location)
        }
        for text in good {
            let findings = rule.findings(in: Source(path, text))
            #expect(findings.isEmpty, "\(text): \(findings)", sourceLocation: location)
        }
    }

    @Test("a finding says where, what and what to do")
    func wording() {
        let finding = Rule.noTry.findings(in: Source("API/A.swift", "\nlet a = try! b()")).first
        #expect(
            finding?.description
                == "API/A.swift:2: try!. Throw, or handle the error: in Swift a trap kills the server.")
    }

    @Test("long files")
    func fileLength() {
        let lines = { (count: Int) in String(repeating: "\n", count: count) }
        catches(.fileLength, line: 301, bad: [lines(301)], good: [lines(300)])
        catches(.fileLength, in: "Tests/ATests.swift", line: 401, bad: [lines(401)], good: [lines(400)])
    }

    @Test("long lines, counted in columns")
    func lineLength() {
        let columns = { (count: Int) in "\n" + String(repeating: "é", count: count) }
        catches(.lineLength, line: 2, bad: [columns(121)], good: [columns(120)])
    }

    @Test("long functions")
    func functionLength() {
        func function(_ head: String, _ count: Int) -> String {
            "struct A {\n\(head) {\n" + String(repeating: "if a { b(\"}\") } // }\n", count: count - 2) + "}\n}"
        }
        let heads = [
            "func a()", "init(a: Int = { 1 }())", "init?<T>(\na: T\n)\nwhere T: B", "deinit",
            "subscript(a: Int) -> Int",
        ]
        catches(.functionLength, line: 2, bad: heads.map { function($0, 71) }, good: heads.map { function($0, 60) })
        let many = String(repeating: "    func a() -> Int\n    var b: Int { get }\n", count: 50)
        catches(.functionLength, bad: [], good: ["protocol A {\n\(many)}", "let a = { self.init() }"])
    }

    @Test("SQL outside its rooms")
    func sqlPlaces() {
        let bad = [
            #"try tx.rows("SELECT id FROM jobs")"#, "let a = \"\"\"\n    WITH picks AS (\n    \"\"\"",
            ##"let a = #"UPDATE jobs SET a = 1"#"##, #""INSERT INTO jobs VALUES (\(id))""#, #""DELETE FROM jobs""#,
            #""CREATE TABLE jobs (id TEXT)""#, #"f("\(g("CREATE UNIQUE INDEX a"))")"#,
        ]
        let good = [
            #""DELETE /api/v1/jobs""#, #""SELECTED""#, "// \"SELECT 1\"", #""UPDATE""#, "SELECT(a)", #""a SELECT 1""#,
        ]
        catches(.sqlPlaces, in: "Scheduler/Store/Operations/A.swift", bad: bad, good: good)
        for room in ["Store/Tables", "Store/Queries", "Store/Migrations", "Store/SQLite", "Store/Postgres"] {
            catches(.sqlPlaces, in: "Scheduler/\(room)/A.swift", bad: [], good: bad)
        }
        catches(.sqlPlaces, in: "Tests/StoreTests/A.swift", bad: [], good: bad)
    }

    @Test("functions of tables that others could call")
    func internalTables() {
        let bad = ["    package func insertJob() {}", "package static func key(_ a: Int) {}"]
        catches(
            .internalTables, in: "Scheduler/Store/Tables/A.swift", bad: bad,
            good: ["func a() {}", "package struct A {}", "package init() {}", "// package func a()"])
        catches(.internalTables, in: "Scheduler/Store/Queries/A.swift", bad: [], good: bad)
    }

    @Test("foreign modules away from home")
    func foreignModules() {
        for module in ["CLibPQ", "GRDB", "GRDBSQLite", "CHiredis", "CSodium", "CZstd"] {
            catches(
                .foreignModules, bad: ["import \(module)", "@preconcurrency package import \(module)"],
                good: ["// import \(module)", "import \(module)Kit", "\"import \(module)\""])
        }
        let rule = Rule.foreignModules
        catches(rule, in: "Scheduler/Bytes/A.swift", bad: ["internal import CHiredis"], good: ["import CZstd"])
        catches(rule, in: "Scheduler/Store/Postgres/A.swift", bad: ["import GRDB"], good: ["import CLibPQ"])
        catches(rule, in: "Scheduler/Store/SQLite/A.swift", bad: ["import CLibPQ"], good: ["import GRDB"])
    }

    @Test("imports in the domain")
    func pureDomain() {
        let texts = ["import Foundation", "package import Bytes", "import struct Foundation.Date"]
        catches(.pureDomain, in: "Scheduler/Domain/Job.swift", bad: texts)
        catches(.pureDomain, in: "Scheduler/Store/Job.swift", bad: [], good: texts)
    }

    @Test("imports against the direction")
    func directions() {
        let rule = Rule.directions
        catches(rule, in: "Scheduler/Store/A.swift", bad: ["import Engine"], good: ["import Domain", "import GRDB"])
        catches(rule, in: "Workers/Runtime/A.swift", bad: ["import Store", "import Executors"], good: ["import Wire"])
        catches(rule, in: "Scheduler/Engine/A.swift", bad: ["import API"], good: ["package import Store"])
        catches(rule, in: "Scheduler/Bytes/A.swift", bad: ["import Domain"])
        catches(rule, in: "API/Server/A.swift", bad: ["import Runtime"], good: ["import Engine"])
        catches(rule, in: "Ops/hatchfarm/A.swift", bad: [], good: ["import API", "import Executors"])
    }

    @Test("a system that names another")
    func separateSystems() {
        let rule = Rule.separateSystems(["HatchFarm", "Inkling", "Gateway", "BeeHack", "SteelThread"])
        catches(
            rule, in: "API/Inkling/A.swift",
            bad: ["let a = GatewayProblem.b", "BeeHack.c()", "extension SteelThreadSystem {}"],
            good: ["let a: InklingProblem", "// as GatewayProblem", "\"HatchFarm\"", ".badGateway", ".gatewayTimeout"])
        catches(rule, in: "API/Server/App.swift", bad: [], good: ["GatewayEnvelope()"])
    }

    @Test("clocks, sleep and chance outside the world")
    func oneWorld() {
        let bad = [
            "let a = Date()", "Date.now", "UUID().uuidString", "try await Task.sleep(for: .seconds(1))",
            "Int.random(in: 0..<9)", "let a: Int = .random(in: f(1)..<9)", "Bool.random()", "all.shuffled()",
            "a.randomElement()",
        ]
        let good = [
            "world.random(16)", "Int.random(in: 0..<9, using: &dice)", "UInt8.random(in: f(0)..<9, using: &dice)",
            "Date(timeIntervalSince1970: 1)", "UUID(uuidString: a)", "// Date()", "\"Date()\"", "randomBytes(3)",
            "all.shuffled(using: &dice)", "World.live.sleep(.seconds(1))",
        ]
        catches(.oneWorld, in: "Scheduler/Engine/A.swift", bad: bad, good: good)
        catches(.oneWorld, in: "Tests/EngineTests/A.swift", bad: bad, good: good)
        catches(.oneWorld, in: "Scheduler/Bytes/World.swift", bad: [], good: bad)
    }

    @Test("try!")
    func noTry() {
        catches(
            .noTry, in: "Tests/A.swift", bad: ["a(try! b())", #""\(try! b())""#],
            good: ["try? a()", "// try!", "\"try!\""])
    }

    @Test("force unwraps and other traps")
    func noTraps() {
        catches(
            .noTraps,
            bad: [
                "a = b!", "b!.c", "f()!", "a[0]!", "a.b!(c)", "var a: Int!", #""\(a!)""#, "a as! B", "fatalError(\"\")",
                "[a!]", "unowned let a: B", "x?.y!.z",
            ],
            good: [
                "a != b", "a!=b", "!a", "if !(a), !b {}", "// a!", "\"a!\"", "/* b! */", "\"\"\"\na!\n\"\"\"",
                "a !== b", "f(!a)", "#if !os(Linux)", "try? a()", "let a = #/b!/#", "return !a", "\"\\(a)!\"",
            ])
        catches(.noTraps, in: "Tests/A.swift", bad: [], good: ["a!"])
    }

    @Test("traps without a reason")
    func reasonedPreconditions() {
        let trap = "precondition(a == b, \"c\")"
        catches(
            .reasonedPreconditions, line: 3,
            bad: ["// far\n\n\(trap)", "\n\nelse { preconditionFailure(\"a\") }", "\n\nassert(a)"],
            good: ["// At the start.\n\(trap)", "\(trap) // Once.", "\"\(trap)\""])
        catches(.reasonedPreconditions, in: "Tests/ATests.swift", bad: [], good: [trap])
    }

    @Test("unchecked concurrency without a reason")
    func reasonedSendable() {
        let claim = "final class A: @unchecked Sendable {}"
        catches(
            .reasonedSendable, line: 3, bad: ["// far\n\n\(claim)", "\n\nnonisolated(unsafe) var a = 1"],
            good: ["/// Locked.\n\(claim)", "\(claim) // One thread.", "struct A: Sendable {}"])
    }

    @Test("public declarations")
    func packageAccess() {
        catches(
            .packageAccess, bad: ["public func a() {}", "    @frozen public struct A {}", "open class A {}"],
            good: ["package func a() {}", "let public = 1", "// public", "f(open: 1)", "    openFile()"])
    }

    @Test("what is left for later")
    func finished() {
        catches(.finished, line: 2, bad: ["\n// TO" + "DO: later", "\n// FIX" + "ME"], good: ["let todo = 1"])
    }

    @Test("names that say nothing")
    func names() {
        catches(
            .names,
            bad: [
                "class JobManager {}", "enum Utils {}", "package struct HTTPHelper {}", "protocol BaseStore {}",
                "final class StoreImpl: Store {}", "actor CommonThings {}", "typealias QueueHelpers = Int",
            ],
            good: [
                "enum Base64 {}", "class Database {}", "struct Simple {}", "struct Utilisation {}", "class var a: Int",
            ])
        catches(.names, in: "API/Server/JSONHelper.swift", bad: ["let a = 1"])
        catches(.names, in: "API/Server/String+Utils.swift", bad: [""])
    }
}

@Suite("The lock and the top of the tree are judged too")
struct PlantedTreeTests {
    @Test("names at the top")
    func topLevel() {
        let findings = TopLevel.findings(in: ["API", "Sources", "README.md", "notes.txt", ".build", "hatchfarm.db"])
        #expect(findings.map(\.path) == ["Sources", "notes.txt"])
    }

    @Test("an edited, a new and a missing migration")
    func migrations() {
        let folder = MigrationLock.folder
        let migrations = [
            Source("\(folder)/M0001_A.swift", "abc"), Source("\(folder)/M0002_B.swift", "changed"),
            Source("\(folder)/M0003_C.swift", "abc"),
        ]
        let digest = Digest.sha256("abc")
        let lock = "# locked\n" + ["1_A", "2_B", "4_D"].map { "\(digest)  \(folder)/M000\($0).swift\n" }.joined()
        let findings = MigrationLock.findings(lock: lock, migrations: migrations)
        let paths = ["\(folder)/M0002_B.swift", "\(folder)/M0003_C.swift", MigrationLock.path]
        #expect(findings.map(\.path) == paths)
        #expect(findings.map(\.line) == [1, 1, 4])
        #expect(findings.dropFirst().first?.remedy.hasSuffix("\n\(digest)  \(folder)/M0003_C.swift") == true)
        #expect(MigrationLock.isMigration("\(folder)/M0001_Jobs.swift"))
        #expect(!MigrationLock.isMigration("\(folder)/AllMigrations.swift"))
    }

    @Test("the digest is SHA-256")
    func digest() {
        #expect(Digest.sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(Digest.sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let twoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
        #expect(Digest.sha256(twoBlocks) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    }
}

@Suite("Code is told from comments and text")
struct LexerTests {
    @Test(
        "only code stays, at its place",
        arguments: [
            ("a // b\nc", "a     \nc"), ("a /* b /* c */ d */ e", "a                   e"), (#"a("b")"#, #"a(" ")"#),
            (#""a\"b" c"#, #""    " c"#), (#""a\(b("c"))d" e"#, #""  (b(" ")) " e"#), (##"#"a\"# b"##, "\"\"  \"\" b"),
            ("\"\"\"\na \"b\" \\(c)\n\"\"\" d", "\"\"\"\n       (c)\n\"\"\" d"), ("a / b / c", "a / b / c"),
            ("f(/a\"b/) c", "f(     ) c"), ("x = #/a\"/# y", "x = #      y"), ("\"// a\" b", "\"    \" b"),
            ("\"torn\nb", "\"    \nb"), ("é\"é\"", "é\"  \""),
        ])
    func code(text: String, code: String) {
        #expect(Source("A.swift", text).code == code)
    }

    @Test("literals are kept with their lines, also those within others")
    func literals() {
        let source = Source("A.swift", "a(\"b\")\n\nf(\"c \\(g(\"d\")) e\", #\"\\n\"#)\n\"\"\"\n  x\n\"\"\"")
        #expect(source.literals.map(\.line) == [1, 3, 3, 3, 4])
        #expect(Set(source.literals.map(\.text)) == ["b", "c \\ e", "d", "\\n", "\n  x\n"])
    }
}
