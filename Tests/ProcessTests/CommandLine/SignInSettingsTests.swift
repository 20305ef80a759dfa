import API
import Bytes
import Support
import Testing

@testable import hatchfarm

@Suite("Settings of signing in", .timeLimit(.minutes(2)))
struct SignInSettingsTests {
    private func settings(_ variables: [String: String]) throws -> SignInSettings {
        try SignInSettings(Environment(variables))
    }

    private let issuer = [
        "OIDC_ISSUERS": "my-idp=https://login.example/realm", "OIDC_MY_IDP_CLIENT_ID": "c",
        "PUBLIC_URL": "https://farm.example/",
    ]

    @Test("are taken as they stand")
    func good() throws {
        let none = try settings([:])
        #expect(none.tokenSecrets.isEmpty && none.users.isEmpty && none.issuers.isEmpty)
        let secret = String(repeating: "s", count: 32)
        let both = try settings(["JWT_SECRET": secret, "JWT_SECRET_PREVIOUS": secret + "x"])
        #expect(both.tokenSecrets == [Array(secret.utf8), Array((secret + "x").utf8)])
        let users = try settings(["HATCHFARM_USERS": "Ann:a:b, bob:c"]).users
        #expect(users.map { [$0.name, $0.password] } == [["ann", "a:b"], ["bob", "c"]])
        let one = try settings(issuer.merging(["OIDC_MY_IDP_CLIENT_SECRET": "s"]) { $1 })
        #expect(one.publicURL == "https://farm.example")
        #expect(one.issuers.map(\.url) == ["https://login.example/realm"])
        #expect(one.issuers.map(\.clientID) == ["c"] && one.issuers.map(\.clientSecret) == ["s"])
    }

    @Test(
        "that are wrong end the start with a line that names them",
        arguments: [
            (["JWT_SECRET": "short"], "JWT_SECRET"), (["JWT_SECRET_PREVIOUS": "short"], "JWT_SECRET_PREVIOUS"),
            (["JWT_SECRET_PREVIOUS": "0123456789012345678901234567890123"], "JWT_SECRET_PREVIOUS"),
            (["HATCHFARM_USERS": "ann"], "HATCHFARM_USERS"), (["HATCHFARM_USERS": "a b:c"], "HATCHFARM_USERS"),
            (["HATCHFARM_USERS": ":c"], "HATCHFARM_USERS"), (["HATCHFARM_USERS": "ann:"], "HATCHFARM_USERS"),
            (["OIDC_ISSUERS": "https://login.example"], "OIDC_ISSUERS"),
            (["OIDC_MY_IDP_CLIENT_ID": ""], "OIDC_MY_IDP_CLIENT_ID"), (["PUBLIC_URL": ""], "PUBLIC_URL"),
            (["PUBLIC_URL": "farm.example"], "PUBLIC_URL"), (["PUBLIC_URL": "https://farm.example/sub"], "PUBLIC_URL"),
            (["OIDC_ISSUERS": "my-idp=http://login.example"], "OIDC_ISSUERS"),
            (["OIDC_ISSUERS": "my-idp=https://a.example,my-idp=https://b.example"], "OIDC_ISSUERS"),
        ] as [([String: String], String)])
    func wrong(_ variables: [String: String], _ name: String) {
        do {
            _ = try settings(issuer.merging(variables) { $1 })
            Issue.record("\(variables) was taken")
        } catch let failure as Failure {
            #expect(failure.exitCode == 78 && failure.message.contains(name) && !failure.message.contains("\n"))
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test("a secret that is too short keeps a server from starting")
    func refusal() async throws {
        let child = try await ChildProcess(
            FarmServer.program, ["serve"],
            environment: ["DATABASE_URL": "sqlite::memory:", "PORT": "0", "JWT_SECRET": "too short"])
        #expect(try await child.end() == .exited(78))
        #expect(child.errors.contains("JWT_SECRET must be at least 32 bytes long"))
        #expect(!child.errors.contains("too short"))
    }

    @Test("users of the environment can log in, with the password that stands there now", arguments: TestDatabase.all)
    func users(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        let secret = String(repeating: "s", count: 40)
        var tokens: [String] = []
        for (users, password) in [("ann:one,bob:b", "one"), ("ann:one,bob:b", "one"), ("ann:two", "two")] {
            try await Farm.run(at: url, environment: ["HATCHFARM_USERS": users, "JWT_SECRET": secret]) { farm in
                let client = FarmClient(farm.server.url, [])
                func login(_ name: String, _ password: String) async throws -> FarmReply {
                    try await client.post(
                        "/auth/login", ["username": .string(name), "password": .string(password)])
                }
                let token = try await login("ann", password).expecting(200).json["access_token"]?.string ?? ""
                tokens.append(token)
                _ = try await login("ann", "three").expecting(401)
                _ = try await login("bob", "b").expecting(200)
                for token in tokens {
                    let caller = FarmClient(farm.server.url, [("Authorization", "Bearer \(token)")])
                    // The last password voids what came of the one before.
                    _ = try await caller.get("/api/v1/jobs").expecting(
                        password == "two" && token != tokens[2] ? 401 : 200)
                }
                #expect(farm.server.log.contains("HATCHFARM_USERS is for development"))
                #expect(!farm.server.log.contains("two") && !farm.server.log.contains("JWT_SECRET is not set"))
            }
        }
    }
}
