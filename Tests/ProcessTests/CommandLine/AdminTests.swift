import Bytes
import Support
import Testing

@Suite("hatchfarm admin", .timeLimit(.minutes(3)))
struct AdminTests {
    private struct Admin {
        let url: String

        /// What it prints; `code` is how it must end.
        func run(_ arguments: String..., code: Int32 = 0) async throws -> String {
            let child = try await ChildProcess(
                FarmServer.program, ["admin"] + arguments, environment: ["DATABASE_URL": url])
            #expect(try await child.end(within: .seconds(60)) == .exited(code), "\(arguments): \(child.errors)")
            return child.output
        }

        func json(_ arguments: String...) async throws -> JSON {
            let child = try await ChildProcess(
                FarmServer.program, ["admin"] + arguments + ["--json"], environment: ["DATABASE_URL": url])
            #expect(try await child.end(within: .seconds(60)) == .exited(0), "\(arguments): \(child.errors)")
            return try JSON(parsing: Array(child.output.utf8))
        }
    }

    private func me(_ farm: Farm, _ key: String) async throws -> FarmReply {
        try await FarmClient(farm.server.url, [("Authorization", "Bearer \(key)")]).get("/api/v1/agents/me")
    }

    @Test("the queenbee's key is printed once, works in a running server, and ends there", arguments: TestDatabase.all)
    func queenbee(on database: TestDatabase) async throws {
        let admin = Admin(url: try await database.freshURL())
        try await Farm.run(at: admin.url) { farm async throws in
            let key = try await admin.run("key", "queenbee").split(separator: "\n").map(String.init)
            #expect(key.count == 1 && key[0].wholeMatch(of: #/bhv_[0-9a-f]{48}/#) != nil)
            #expect(try await me(farm, key[0]).expecting(200).data["agent"]?["role"] == "queenbee")
            let listed = try await admin.json("key", "list", "--member", "queenbee").array ?? []
            #expect(listed.count == 1 && !listed[0].text().contains(key[0]))
            let id = try #require(listed[0]["id"]?.string)
            #expect(try await admin.run("key", "revoke", id).hasPrefix("\(id) revoked"))
            try await eventually("the server knows", within: .seconds(4)) { try await me(farm, key[0]).status == 401 }
            _ = try await admin.run("key", "revoke", "key_none", code: 5)
        }
    }

    @Test("a key for metrics reads them in a running server, and nothing else")
    func metrics() async throws {
        let admin = Admin(url: try await TestDatabase.sqlite.freshURL())
        try await Farm.run(at: admin.url) { farm async throws in
            let key = try await admin.run("key", "metrics").split(separator: "\n").map(String.init)
            #expect(key.count == 1 && key[0].wholeMatch(of: #/hf_[0-9a-f]{48}/#) != nil)
            let reader = FarmClient(farm.server.url, [("Authorization", "Bearer \(key[0])")])
            #expect(try await reader.get("/metrics").expecting(200).text.contains("hatchfarm_jobs_submitted_total"))
            #expect(try await reader.get("/api/v1/agents/me").status == 403)
            let listed = try await admin.json("key", "list", "--member", "queenbee").array ?? []
            #expect(listed.first?["scope"] == "metrics:read")
        }
    }

    @Test("a role is given and taken, and running servers know", arguments: TestDatabase.all)
    func roles(on database: TestDatabase) async throws {
        let admin = Admin(url: try await database.freshURL())
        try await Farm.run(at: admin.url) { farm async throws in
            let reply = try await FarmClient(farm.server.url).post(
                "/api/v1/agents/register", ["name": "Maya\u{1B}[2J", "handle": "maya"]
            ).expecting(201)
            let (id, key) = (reply.data["agent"]?["id"]?.string ?? "", reply.data["api_key"]?.string ?? "")
            #expect(try await me(farm, key).status == 200)
            #expect(try await admin.run("member", "role", "Maya", "admin") == "\(id) admin\n")
            #expect(try await admin.json("member", "show", id)["role"] == "admin")
            #expect(try await me(farm, key).data["agent"]?["role"] == "admin")
            #expect(try await admin.run("member", "list").contains(id))
            #expect(try await admin.json("member", "list", "--limit", "1").array?.first?["handle"] == "queenbee")
            _ = try await admin.run("member", "role", "queenbee", "member", code: 4)
            _ = try await admin.run("member", "role", "maya", "queenbee", code: 64)
            _ = try await admin.run("member", "show", "nobody", code: 5)
            #expect(try await admin.run("member", "role", "maya", "member") == "\(id) member\n")
            let events =
                try await FarmClient(farm.server.url, [("Authorization", "Bearer \(key)")])
                .get("/api/v1/audit/events").expecting(200).data["events"]?.array ?? []
            let changes = events.filter { $0["type"] == "member_role_changed" }
            #expect(changes.count == 2 && changes.allSatisfy { $0["actor"] == "operator" })
        }
    }

    @Test("QUEENBEE_API_KEY is the queenbee's from the start, until the next one is set", arguments: TestDatabase.all)
    func configured(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        let (first, second) = ("bhv_" + String(repeating: "1", count: 48), "hf_" + String(repeating: "2", count: 48))
        for _ in 0..<2 {
            try await Farm.run(at: url, environment: ["QUEENBEE_API_KEY": first]) { farm async throws in
                #expect(try await me(farm, first).expecting(200).data["agent"]?["handle"] == "queenbee")
            }
        }
        try await Farm.run(at: url, environment: ["QUEENBEE_API_KEY": second]) { farm async throws in
            #expect(try await me(farm, second).status == 200)
            #expect(try await me(farm, first).status == 401)
        }
        try await Farm.run(at: url) { farm async throws in
            #expect(try await me(farm, second).status == 200)
        }
        try await Farm.run(at: url, environment: ["QUEENBEE_API_KEY": first]) { farm async throws in
            #expect(try await me(farm, first).status == 401)
            #expect(try await me(farm, second).status == 200)
            #expect(farm.server.log.contains("QUEENBEE_API_KEY was revoked"))
            #expect(!farm.server.log.contains(first))
        }
        for wrong in ["short", FarmServer.operatorToken] {
            let child = try await ChildProcess(
                FarmServer.program, ["serve"],
                environment: [
                    "DATABASE_URL": url, "PORT": "0", "QUEENBEE_API_KEY": wrong,
                    "HATCHFARM_API_TOKEN": FarmServer.operatorToken,
                ])
            #expect(try await child.end() == .exited(78))
            #expect(child.errors.contains("QUEENBEE_API_KEY") && !child.errors.contains(wrong))
        }
    }

    private func login(_ farm: Farm, _ name: String, _ password: String) async throws -> Int {
        try await FarmClient(farm.server.url).post(
            "/auth/login", ["username": .string(name), "password": .string(password)]
        ).status
    }

    /// Runs a line of the shell in which `$h` is the program.
    private func shell(_ line: String, _ url: String) async throws -> (code: ChildProcess.Ending, output: String) {
        let child = try await ChildProcess(
            "/bin/sh", ["-c", line], environment: ["DATABASE_URL": url, "h": FarmServer.program])
        return (try await child.end(within: .seconds(60)), child.output + child.errors)
    }

    @Test("a login is added with the password on standard input", arguments: TestDatabase.all)
    func user(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        try await Farm.run(at: url) { farm async throws in
            let added = try await shell("printf 'a long secret\\n' | $h admin user add Maya --json", url)
            #expect(added.code == .exited(0) && added.output.contains("\"username\":\"maya\""), "\(added.output)")
            #expect(!added.output.contains("a long secret"))
            #expect(try await login(farm, "maya", "a long secret") == 200)
            #expect(try await login(farm, "maya", "another") == 401)
            #expect(try await shell("echo again | $h admin user add maya", url).code == .exited(4))
            #expect(try await shell("echo secret | $h admin user add 'no name'", url).code == .exited(64))
            #expect(try await shell("$h admin user add noor < /dev/null", url).code == .exited(64))
        }
    }

    @Test("a login gets another password, and is disabled and enabled", arguments: TestDatabase.all)
    func leaked(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        try await Farm.run(at: url) { farm async throws in
            #expect(try await shell("echo first password | $h admin user add maya", url).code == .exited(0))
            #expect(try await shell("echo second password | $h admin user password Maya", url).code == .exited(0))
            #expect(try await login(farm, "maya", "first password") == 401)
            #expect(try await login(farm, "maya", "second password") == 200)
            #expect(try await shell("$h admin user disable maya", url).output == "maya is disabled\n")
            #expect(try await login(farm, "maya", "second password") == 401)
            #expect(try await shell("$h admin user enable maya", url).code == .exited(0))
            #expect(try await login(farm, "maya", "second password") == 200)
            #expect(try await shell("$h admin user disable nobody", url).code == .exited(5))
            #expect(try await shell("$h admin member sign-in nobody off", url).code == .exited(5))
            #expect(try await shell("$h admin member sign-in queenbee off", url).code == .exited(0))
        }
    }

    @Test("at a terminal the password is asked for twice and not shown")
    func terminal() async throws {
        let url = try await TestDatabase.sqlite.freshURL()
        func type(_ keys: String) async throws -> (code: ChildProcess.Ending, output: String) {
            // What is typed before a prompt is thrown away; and the keyboard is there until the program has ended.
            let (seen, over) = (Scratch.path("screen"), Scratch.path("over"))
            let prompted = "prompted() { until grep -q \"$1\" \(seen) || [ -e \(over) ]; do sleep 0.1; done; }"
            let typing = "\(keys); until [ -e \(over) ]; do sleep 0.1; done"
            let program = "script -qefc \"$h admin user add maya\" \(seen); code=$?; : > \(over); exit $code"
            return try await shell(": > \(seen); \(prompted); (\(typing)) | (\(program))", url)
        }
        let (first, second) = ("prompted 'Password: '", "prompted 'Repeat password: '")
        let differ = try await type("\(first); printf 'hidden word\\r'; \(second); printf 'other word\\r'")
        #expect(differ.output.contains("Repeat password") && differ.output.contains("differ"), "\(differ.output)")
        let stopped = try await type("\(first); printf 'hidden\\003'")
        #expect(!stopped.output.contains("Repeat password"))
        let added = try await type("\(first); printf 'hidden wordd\\177\\r'; \(second); printf 'hidden word\\r'")
        #expect(added.output.contains("maya"), "\(added.output)")
        for run in [differ, stopped, added] { #expect(!run.output.contains("hidden")) }
        try await Farm.run(at: url) { farm async throws in
            #expect(try await login(farm, "maya", "hidden word") == 200)
        }
    }

    @Test("commands say what is wrong by their codes")
    func codes() async throws {
        let admin = Admin(url: "postgres://nobody@127.0.0.1:9/none")
        _ = try await admin.run("member", "list", code: 3)
        _ = try await Admin(url: "mysql://x").run("key", "list", code: 78)
        _ = try await admin.run("key", "list", "--limit", "0", code: 64)
        #expect(try await admin.run("key", "--help").contains("queenbee"))
    }
}
