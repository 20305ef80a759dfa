import API
import Bytes
import Store
import Support
import Testing

@Suite("What the gateway says of the server", .timeLimit(.minutes(2)))
struct SystemInfoTests {
    @Test("GET /api/v1/customer/system/info is 200 for any customer", arguments: TestDatabase.all)
    func info(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            for customer in [Customer.acme, .globex, Customer(id: "nobody.has-seen@it:before")] {
                let info = try lab.must(await lab.call(as: customer, "GET", "/system/info"))
                #expect(info.keys == ["version", "build", "environment", "uptime", "services"])
                for key in ["version", "build", "environment"] {
                    #expect(info[key]?.string?.isEmpty == false, "\(key)")
                }
                #expect(info["uptime"]?.double.map { $0 >= 0 } == true)
                #expect(info["services"]?.members?.isEmpty == false)
                #expect(!info.text().contains(GatewayLab.secret) && !info.text().contains(ControlPlane.operatorToken))
                for word in ["postgres:", "sqlite:", "/tmp/", "/dev/shm", "password"] {
                    #expect(!info.text().contains(word), "\(word)")
                }
            }
            let before = try lab.must(await lab.call(as: .acme, "GET", "/system/info"))["uptime"]?.double ?? 0
            try await lab.pass(.seconds(100))
            let after = try lab.must(await lab.call(as: .acme, "GET", "/system/info"))["uptime"]?.double ?? 0
            #expect((100..<160).contains(after - before), "in seconds")
        }
    }

    @Test("and 401 for everybody else", arguments: TestDatabase.all)
    func unauthorized(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for headers: [(String, String)] in [
                [], device.headers, [("Authorization", "Bearer \(device.token)")], Caller.alice.headers,
            ] {
                let reply = try await lab.plane.send("GET", "/customer/system/info", headers)
                #expect(reply.says == "401 UNAUTHORIZED", "\(headers)")
            }
        }
    }

    @Test("GET /healthz, /readyz and /version are for all, in the words of the seed", arguments: TestDatabase.all)
    func health(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let alive = try lab.must(await lab.plane.send("GET", "/healthz", base: ""))
            #expect(alive["status"] == "ok" && lab.isDue(alive["timestamp"], in: 0))
            let ready = try lab.must(await lab.plane.send("GET", "/readyz", base: ""))
            #expect(ready == ["ready": true, "checks": ["database": true, "redis": true]])
            let version = try lab.must(await lab.plane.send("GET", "/version", base: ""))
            #expect(version.keys == ["version"] && version["version"]?.string?.isEmpty == false)
            await lab.database.close()
            try lab.must(await lab.plane.send("GET", "/healthz", base: ""))
            lab.plane.clock.advance(by: .seconds(2))
            let down = try await lab.plane.send("GET", "/readyz", base: "")
            #expect(down.status == 503 && down.json["ready"] == false)
            #expect(down.json["checks"] == ["database": false, "redis": true])
            #expect(down.json["errors"]?.array?.count == 1)
        }
    }

    @Test("an unknown path and a wrong method are refused in the gateway's words", arguments: TestDatabase.all)
    func paths(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            for path in ["/customer/nothing", "/device/nothing", "/customer", "/device/commands/x/nothing"] {
                let reply = try await lab.plane.send("GET", path, lab.headers(of: .acme))
                #expect(reply.says == "404 NOT_FOUND", "\(path): \(reply.text)")
                let error = try #require(reply.json["error"])
                #expect(reply.json.keys == ["error"] && error.keys.isSubset(of: ["code", "message", "details"]))
                #expect(error["message"]?.string?.isEmpty == false)
            }
            for (path, allow) in [
                ("/device/auth", "POST"), ("/device/heartbeat", "POST"), ("/customer/devices", "GET, HEAD"),
                ("/customer/devices/provision", "POST"), ("/customer/sessions", "POST"),
            ] {
                let reply = try await lab.plane.send("PUT", path, lab.headers(of: .acme))
                #expect(reply.says == "405 METHOD_NOT_ALLOWED" && reply["Allow"] == allow, "\(path): \(reply.text)")
            }
        }
    }
}
