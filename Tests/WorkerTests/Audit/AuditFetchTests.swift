import Bytes
import Domain
import Egress
@testable import Executors
import Foundation
@testable import Runtime
@testable import Sandbox
import Support
import Synchronization
import Testing
import Wire

/// A web server on this machine that serves a repository as static files don't: by `git upload-pack`.
private struct WebServer: Sendable {
    static func answer(_ request: FakeServer.Request, from repository: String) -> FakeServer.Answer {
        let path = request.path.split(separator: "?").first ?? ""
        if path.hasSuffix("/info/refs") {
            let advertised = output(["upload-pack", "--stateless-rpc", "--advertise-refs", repository], input: [])
            return .bytes(
                Array("001e# service=git-upload-pack\n0000".utf8) + advertised,
                headers: ["Content-Type": "application/x-git-upload-pack-advertisement", "Connection": "close"])
        }
        guard path.hasSuffix("/git-upload-pack") else { return .refusal(404) }
        var body = request.body
        if request.headers["content-encoding"] == "gzip" { body = unpacked(body) }
        return .bytes(
            output(["upload-pack", "--stateless-rpc", repository], input: body),
            headers: ["Content-Type": "application/x-git-upload-pack-result", "Connection": "close"])
    }

    /// With files, as another process that starts at this moment would keep a pipe open.
    private static func output(_ arguments: [String], input: [UInt8], program: String = "/usr/bin/git") -> [UInt8] {
        let (given, taken) = (Scratch.path("given"), Scratch.path("taken"))
        _ = FileManager.default.createFile(atPath: given, contents: Data(input))
        _ = FileManager.default.createFile(atPath: taken, contents: nil)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardInput = FileHandle(forReadingAtPath: given)
        process.standardOutput = FileHandle(forWritingAtPath: taken)
        guard (try? process.run()) != nil else { return [] }
        process.waitUntilExit()
        return Array(FileManager.default.contents(atPath: taken) ?? Data())
    }

    private static func unpacked(_ bytes: [UInt8]) -> [UInt8] {
        output(["-dc"], input: bytes, program: "/bin/gzip")
    }
}

@Suite("The fetch of an audit", .serialized, .timeLimit(.minutes(3)))
struct AuditFetchTests {
    /// One that may fetch from this machine.
    private func lab() async throws -> AuditLab {
        var lab = try await AuditLab()
        lab.rules.addresses = AddressRules(allowsPrivate: true, allowsLoopback: true)
        return lab
    }

    @Test("takes a branch, runs its tests, and reports what they say; the next commit is better")
    func wholeAudit() async throws {
        let lab = try await lab()
        let repository = try await Repository(
            """
            printf 'def f(x):\\n    return x\\n' > f.py
            cat > test_f.py <<END
            import unittest
            from f import f
            class T(unittest.TestCase):
                def test_a(self):
                    self.assertEqual(f(1), 1)
                def test_b(self):
                    self.assertEqual(f(2), 3)
            END
            git add .; git commit -qm first; git branch first
            printf 'def f(x):\\n    return x if x == 1 else x + 1\\n' > f.py
            """)
        let first = try await lab.run(repository.url, branch: "first", tests: "python3 -m unittest")
        #expect(first.passed == 1 && first.total == 2 && first.exitCode == 1, "\(first.log)")
        #expect(first.log.contains("FAILED (failures=1)") && first.log.hasSuffix("by unittest; exit code 1\n"))
        let second = try await lab.run(repository.url, branch: nil, tests: "python3 -m unittest")
        #expect(second.passed == 2 && second.total == 2 && second.exitCode == 0, "\(second.log)")
        #expect(second.stream.hasPrefix("[audit] fetching the default branch of file://"))
        #expect(second.stream.contains("test") && lab.leftovers.isEmpty)
    }

    @Test("goes over http through the proxy, and nowhere but to the repository's host")
    func overHTTP() async throws {
        let lab = try await lab()
        let repository = try await Repository("echo 'echo 1..1; echo ok 1' > a.t")
        let server = try FakeServer { WebServer.answer($0, from: repository.path) }
        defer { server.stop() }
        let said = try await lab.run("http://127.0.0.1:\(server.port)/a/b.git", tests: "sh a.t")
        #expect(said.passed == 1 && said.total == 1, "\(said.stream)")
        let branch = try await lab.run("http://127.0.0.1:\(server.port)/a/b.git", branch: "none", tests: "sh a.t")
        #expect(branch.passed == 0 && branch.log.contains("Remote branch none not found"), "\(branch.log)")
    }

    @Test("follows no redirect to another host, address, port or scheme")
    func redirects() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for target in [
                "http://169.254.169.254/latest", "http://10.0.0.1/x", "http://[::1]/x", "https://127.0.0.1/x",
                "http://localhost/x", "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:70/x",
            ] { group.addTask { try await redirect(to: target) } }
        }
    }

    private func redirect(to target: String) async throws {
        let lab = try await lab()
        let server = try FakeServer { request in
            .refusal(302, headers: ["Location": "\(target)/\(request.path.dropFirst())"])
        }
        defer { server.stop() }
        let said = try await lab.run("http://127.0.0.1:\(server.port)/x", tests: "echo escaped")
        #expect(said.passed == 0 && said.log.contains("could not fetch"), "\(target): \(said.log)")
        #expect(!said.stream.contains("escaped"), "\(target)")
    }

    @Test("reaches no private address, and not this machine, unless its owner allows it")
    func privateAddresses() async throws {
        let lab = try await AuditLab()
        let asked = Mutex(0)
        let server = try FakeServer { _ in
            _ = counted(asked)
            return .refusal(404)
        }
        defer { server.stop() }
        for host in ["127.0.0.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "localhost"] {
            let said = try await lab.run("http://\(host):\(server.port)/x", tests: "true")
            #expect(said.passed == 0 && said.log.contains("could not fetch"), "\(said.log)")
        }
        #expect(asked.withLock { $0 } == 0)
        let policy = WorkerConfiguration(
            credentials: WorkerCredentials(workerID: "w", machineToken: "t", policyID: "p", server: "http://h"),
            capacity: Capacity())
        #expect(!AuditRules(policy).addresses.allowsPrivate && AuditRules(policy).schemes == [.https])
    }

    @Test("is limited to the policy's hosts where it has a list of them")
    func allowlist() async throws {
        var configuration = WorkerConfiguration(
            credentials: WorkerCredentials(workerID: "w", machineToken: "t", policyID: "p", server: "http://h"),
            capacity: Capacity())
        configuration.allowedDomains = ["*.example.org"]
        #expect(AuditRules(configuration).allowlist == nil)
        #expect(try AuditRules(configuration).egress(to: "a.example.com:443").domains.count == 1)
        configuration.rules.network = true
        let rules = try AuditRules(configuration).egress(to: "a.example.com:443")
        #expect(rules.refusal(of: try EgressTarget(authority: "a.example.com:443")) != nil)
        #expect(rules.refusal(of: try EgressTarget(authority: "git.example.org:443")) == nil)
        var lab = try await lab()
        lab.rules.allowlist = ["example.org"]
        let said = try await lab.run("http://127.0.0.1:1/x", tests: "true")
        #expect(said.passed == 0 && said.stream.contains("[network] refused 127.0.0.1"), "\(said.stream)")
    }

    @Test("a server that is not there is tried again, and then it is the repository's fault, unless we have no network")
    func unreachable() async throws {
        var lab = try await lab()
        let port = try Tool.freePort()
        let said = try await lab.run("http://127.0.0.1:\(port)/x", tests: "true")
        #expect(said.passed == 0 && said.log.contains("could not fetch"), "\(said.log)")
        #expect(said.stream.matches(of: #/trying again/#).count == 2)
        lab.isOnline = false
        await #expect(throws: MachineFault.self) { try await lab.run("http://127.0.0.1:\(port)/x", tests: "true") }
        #expect(lab.leftovers.isEmpty)
    }

    @Test(
        "a server that refuses, wants a password, is silent or talks nonsense is the repository's fault",
        arguments: [
            401, 403, 404, 500, 0, 1,
        ])
    func badServers(status: Int) async throws {
        var lab = try await lab()
        lab.rules.fetchMilliseconds = 3_000
        let server = try FakeServer { _ in
            switch status {
            case 0:
                Thread.sleep(forTimeInterval: 4)
                return .cut
            case 1:
                return .bytes(
                    Array("001e# service=git-upload-pack\n0000fffe\u{0}\u{1B}[2J".utf8)
                        + [UInt8](repeating: 120, count: 99_999),
                    headers: ["Content-Type": "application/x-git-upload-pack-advertisement"])
            default:
                return .refusal(status, headers: status == 401 ? ["WWW-Authenticate": "Basic realm=\"x\""] : [:])
            }
        }
        defer { server.stop() }
        let said = try await lab.run("http://127.0.0.1:\(server.port)/x", tests: "echo escaped")
        #expect(said.passed == 0 && said.total == 1 && said.log.contains("could not fetch"), "\(said.log)")
        #expect(!said.log.utf8.contains(0x1B) && !said.stream.contains("trying again"))
    }

    @Test("a full disk is the machine's fault")
    func fullDisk() async throws {
        var lab = try await lab()
        lab.rules.reservedBytes = .max
        let repository = try await Repository("touch a")
        await #expect(throws: MachineFault.self) {
            try await lab.run(repository.url, branch: "none", tests: "true")
        }
    }

    @Test("audits are offered only in a sandbox, with git, and when the owner wants them")
    func kinds() async throws {
        let lab = try await lab()
        let compute = ComputeExecutor(
            sandbox: lab.sandbox, isolation: .sandbox, state: lab.state, network: nil, cores: 1)
        let without = MachineExecutor(compute: compute, audit: nil)
        #expect(MachineExecutor(compute: compute, audit: lab.executor()).kinds == [.compute, .audit])
        #expect(without.kinds == [.compute])
        var job = ClaimedJob.sample("a")
        job.kind = Kind.audit.rawValue
        let context = JobContext(
            slot: 0, log: { _ in }, progress: { _, _ in }, fetch: { _ in [] }, upload: { _, _ in })
        await #expect(throws: MachineFault.self) { try await without.run(job, context) }
        let nameless = try await MachineExecutor(compute: compute, audit: lab.executor()).run(job, context)
        #expect(nameless.status == .failure)
        job.isolation = .vm
        job.audit = ClaimedJob.Audit(repoURL: "https://example.org/x", tests: "true")
        await #expect(throws: MachineFault.self) {
            try await MachineExecutor(compute: compute, audit: lab.executor()).run(job, context)
        }
        let layers = await Sandbox.probe(in: lab.state).layers
        #expect(layers.contains { $0.name == SandboxLayer.audits && $0.works })
    }
}
