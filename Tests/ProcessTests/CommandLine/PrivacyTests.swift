import Bytes
import Foundation
import Glibc
import Store
import Support
import Testing

@Suite("What is nobody else's business", .timeLimit(.minutes(3)))
struct PrivacyTests {
    private func mode(_ path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }

    @Test("a database, its log, and all that the first start writes are their owner's alone")
    func modes() async throws {
        // A file that is made carelessly gets what the mask leaves.
        let mask = umask(0)
        defer { umask(mask) }
        try await FarmHome.up { home in
            let folder = "\(home.folder)/hatchfarm-data"
            for name in ["hatchfarm.db", "hatchfarm.db-wal", "hatchfarm.db-shm", "hatchfarm.db-server", "owner.json"] {
                #expect(mode("\(folder)/\(name)") == 0o600, "\(name)")
            }
            #expect(mode("\(folder)/worker/machine.json") ?? 0o600 == 0o600)
            #expect(mode("\(home.folder)/.config/hatchfarm/client.json") == 0o600)
        }
    }

    @Test("`up` prints how its operator reads the metrics, and that works")
    func figures() async throws {
        let folder = Scratch.path("home")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let farm = try await ChildProcess(
            FarmServer.program, ["up"], environment: ["HOME": folder, "PORT": "0"], folder: folder)
        try await eventually("the farm is up", within: .seconds(60)) {
            farm.output.contains("Ctrl-C drains and stops") || farm.ending != nil
        }
        let call = try #require(
            farm.output.firstMatch(of: #/curl -s (http:\S+)/metrics -H 'Authorization: Bearer ([0-9a-f]{48})'/#)
        ).output
        let url = String(call.1)
        #expect(try await FarmClient(url).get("/metrics").status == 401)
        let reader = FarmClient(url, [("Authorization", "Bearer \(call.2)")])
        let text = try await reader.get("/metrics").expecting(200).text
        for name in ["hatchfarm_jobs_submitted_total", "hatchfarm_ledger_breaches", "hatchfarm_market_price_factor"] {
            #expect(text.contains(name), "\(name)")
        }
        farm.signal(SIGTERM)
        #expect(try await farm.end(within: .seconds(15)) == .exited(0), "\(farm.errors)")
    }

    /// Each has `hush` and `secret` in its password, or in what somebody wrote there.
    static let urls = [
        "postgres://me:hushsecret@127.0.0.1:9/farm", "postgres://me:hush@secret@127.0.0.1:9/farm",
        "postgres://me:hush/secret@127.0.0.1:9/farm", "postgres://me:hush:secret@127.0.0.1:9/farm",
        "postgres://me:hush?secret@127.0.0.1:9/farm", "postgres://me:hush#secret@127.0.0.1:9/farm",
        "postgres://me:hush%zzsecret@127.0.0.1:9/farm", "postgres://me:hush%secret@127.0.0.1:9/farm",
        "postgres://me:hush[secret]@127.0.0.1:9/farm", "postgres://me:hushsecret/farm",
        "postgres://127.0.0.1:9/farm?user=me&password=hushsecret",
        "postgres://127.0.0.1:9/farm?user=me&password=hush@secret",
        "postgres://me@127.0.0.1:9/farm?password=hush=secret",
        "postgres://me:hush@127.0.0.1:9/farm?passwort=secret", "postgresql://:hushsecret@127.0.0.1:9/farm",
        "postgres://me:hush%40secret@127.0.0.1:9,127.0.0.1:10/farm", "Postgres://me:hushsecret@127.0.0.1:9/farm",
        "postgres:me:hushsecret@127.0.0.1:9/farm",
    ]

    @Test("no part of a password in DATABASE_URL is ever printed")
    func passwords() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for url in Self.urls { group.addTask { try await password(url) } }
        }
    }

    private func password(_ url: String) async throws {
        if url.contains("://"), url.hasPrefix("postgres") { #expect(!DatabaseURL.shown(url).contains("secret")) }
        for arguments in [["migrate"], ["doctor", "--json"]] {
            let child = try await ChildProcess(
                FarmServer.program, arguments, environment: ["DATABASE_URL": url, "HATCHFARM_LOG": "trace"])
            let ending = try await child.end(within: .seconds(60))
            let printed = child.output + child.errors
            for part in ["hush", "secret"] { #expect(!printed.contains(part), "\(arguments): \(printed)") }
            if arguments == ["migrate"] {
                #expect(ending == .exited(3) || ending == .exited(78), "\(printed)")
                #expect(ending != .exited(78) || printed.contains("%40"), "the remedy: \(printed)")
            }
        }
    }

    @Test("a URL is shown without its password and without what it is asked for")
    func shown() {
        for (url, shown) in [
            ("sqlite:./a@b:c.db", "sqlite:./a@b:c.db"), ("postgres://hatch@db/hatch", "postgres://hatch@db/hatch"),
            ("postgres://u:p@db:5432/hatch?sslmode=require", "postgres://u:…@db:5432/hatch"),
            ("postgresql://u:p%40q@[::1]:5432,b/hatch", "postgresql://u:…@[::1]:5432,b/hatch"),
            ("postgres://db/hatch?user=u&password=p", "postgres://db/hatch"),
            ("postgres:///hatch", "postgres:///hatch"),
            ("postgres://u:p@q@db/hatch", "postgres://…"),
        ] { #expect(DatabaseURL.shown(url) == shown) }
    }

    @Test("a PostgreSQL database that isn't UTF-8 is refused at the start, with the remedy")
    func encoding() async throws {
        let url = try await TestDatabase.postgres.freshURL()
        let name = "hatchfarm_ascii_\(getpid())"
        for statement in [
            "DROP DATABASE IF EXISTS \(name)",
            "CREATE DATABASE \(name) ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
        ] { try await TestDatabase.psql(url, statement) }
        var parts = try #require(URLComponents(string: url))
        parts.path = "/\(name)"
        let child = try await ChildProcess(
            FarmServer.program, ["serve"], environment: ["DATABASE_URL": parts.string ?? "", "PORT": "0"])
        #expect(try await child.end(within: .seconds(60)) == .exited(78), "\(child.output)")
        for word in ["SQL_ASCII", "UTF8", "TEMPLATE template0"] {
            #expect(child.errors.contains(word), "\(child.errors)")
        }
        try await TestDatabase.psql(url, "DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
    }
}
