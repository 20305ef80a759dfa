import Bytes
import Foundation
import Support
import Testing

enum OtherIssuer {
    /// As `Ops/install test` leaves it.
    static let program: String = {
        let build = FarmServer.program.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        return build.joined(separator: "/") + "/oidc-issuer/bin/python"
    }()
}

/// The farm as a process, and an issuer that others wrote: what we read in the standards is what they read.
@Suite(
    "Signing in by another program's word",
    .enabled(if: FileManager.default.fileExists(atPath: OtherIssuer.program), "it is installed by Ops/install test"),
    .timeLimit(.minutes(2)))
struct IssuerTests {
    /// Where the farm isn't: its own port is known only later. So the way back is looked at.
    private static let publicURL = "http://127.0.0.1:8080"

    /// One request, as a browser sends it: the status, and the fields of the head by their names in lower case.
    private func ask(
        _ url: String, _ arguments: [String] = []
    ) async throws -> (status: Int, head: [String: String], body: String) {
        let text = try await Tool.run("/usr/bin/curl", ["--silent", "--include"] + arguments + [url])
        let (head, body) = try #require(Self.halves(text.replacing("\r\n", with: "\n")))
        let lines = head.split(separator: "\n")
        let status = try #require(lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon].lowercased()] = String(line[colon...].dropFirst(2))
        }
        return (status, fields, body)
    }

    private static func halves(_ text: String) -> (head: String, body: String)? {
        text.firstRange(of: "\n\n").map { (String(text[..<$0.lowerBound]), String(text[$0.upperBound...])) }
    }

    /// From the start to the end: the answer of the farm, and the same call once more.
    private func signIn(_ farm: Farm, as subject: String) async throws -> (first: JSON, again: Int) {
        let start = try await ask("\(farm.server.url)/auth/oidc/mock/start")
        let cookie = try #require(start.head["set-cookie"]?.split(separator: ";").first.map(String.init))
        let consent = try await ask(try #require(start.head["location"]), ["--data", "sub=\(subject)"])
        let back = try #require(consent.head["location"], "\(consent.body)")
        try #require(back.hasPrefix(Self.publicURL))
        let callback = (farm.server.url + back.dropFirst(Self.publicURL.count), ["--header", "Cookie: \(cookie)"])
        let end = try await ask(callback.0, callback.1)
        #expect(end.status == 200, "\(end.body)\(farm.server.log)")
        return (try JSON(parsing: Array(end.body.utf8)), try await ask(callback.0, callback.1).status)
    }

    private func member(_ farm: Farm, _ answer: JSON) async throws -> JSON {
        let token = answer["access_token"]?.string ?? ""
        let client = FarmClient(farm.server.url, [("Authorization", "Bearer \(token)")])
        return try await client.get("/api/v1/agents/me").expecting(200).data["agent"] ?? .null
    }

    @Test("a whole sign-in, twice by one person and once by another", arguments: TestDatabase.all)
    func signIn(on database: TestDatabase) async throws {
        let port = try Tool.freePort()
        let url = "http://127.0.0.1:\(port)"
        let issuer = try await ChildProcess(
            OtherIssuer.program,
            [
                "-m", "oidc_provider_mock", "--port", "\(port)", "--require-nonce", "true", "--user-claims",
                #"{"sub":"ann","name":"Ann of Mock"}"#,
            ])
        let environment = [
            "OIDC_ISSUERS": "mock=\(url)", "OIDC_MOCK_CLIENT_ID": "farm", "OIDC_MOCK_CLIENT_SECRET": "s:e/c%r+t",
            "PUBLIC_URL": Self.publicURL,
        ]
        try await Farm.run(on: database, environment: environment) { farm in
            try await eventually("the issuer answers", within: .seconds(30)) {
                if let ending = issuer.ending { throw ToolFailure("the issuer ended: \(ending) \(issuer.errors)") }
                return try await Tool.run(
                    "/bin/sh", ["-c", "curl --silent --fail \(url)/.well-known/openid-configuration || true"]
                ).contains("token_endpoint")
            }
            let (first, replayed) = try await signIn(farm, as: "ann")
            #expect(replayed == 400)
            let ann = try await member(farm, first)
            #expect(ann["name"] == "Ann of Mock")
            #expect(try await member(farm, signIn(farm, as: "ann").first) == ann)
            let bob = try await member(farm, signIn(farm, as: "bob").first)
            #expect(bob["id"] != ann["id"] && bob["name"] == "bob")
        }
        try await issuer.kill()
    }
}
