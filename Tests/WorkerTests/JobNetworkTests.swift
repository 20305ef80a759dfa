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

/// A job in the sandbox, its way out, and a web server on this machine.
@Suite("A job with network", .timeLimit(.minutes(1)))
struct JobNetworkTests {
    private let state: StateFolder
    private let probe: SandboxProbe

    init() async throws {
        state = try StateFolder(at: Scratch.path("state"))
        probe = await Sandbox.probe(in: state)
    }

    /// What curl prints in a job that may reach `domains`, and the job's log.
    private func run(_ script: String, domains: [String]) async throws -> (result: ExecutionResult, log: String) {
        var rules = try EgressRules(domains: domains)
        rules.addresses = AddressRules(allowsPrivate: true, allowsLoopback: true)
        let executor = ComputeExecutor(
            sandbox: try #require(probe.sandbox), isolation: .sandbox, state: state,
            network: JobNetwork(rules: rules), cores: 2)
        var job = ClaimedJob.sample("net")
        job.network = true
        job.command = ["/bin/sh", "-c", script]
        let log = Mutex("")
        let result = try await executor.run(
            job,
            JobContext(
                slot: 0, log: { text in log.withLock { $0 += text.readable } }, progress: { _, _ in },
                fetch: { _ in [] },
                upload: { _, _ in }))
        return (result, log.withLock { $0 })
    }

    @Test("reaches the hosts that its provider allows, through the proxy that its variables name, and no other")
    func allowed() async throws {
        let server = try FakeServer { request in .bytes(Array("served \(request.path)\n".utf8)) }
        defer { server.stop() }
        let here = "localhost:\(server.port)"
        let (result, log) = try await run(
            """
            curl --silent --show-error --noproxy '' http://\(here)/page
            curl --silent --noproxy '' --output /dev/null --write-out '%{http_code}\\n' http://example.org/
            curl --silent --noproxy '*' --max-time 5 http://\(here)/direct; echo "direct: $?"
            """, domains: [here])
        #expect(result.output == "served /page\n403\ndirect: 7\n", "\(log)")
        #expect(log.contains("[network] refused example.org: "))
    }

    @Test("leaves no process and no socket behind")
    func gone() async throws {
        let (result, _) = try await run("ls /run", domains: ["example.org"])
        #expect(result.status == .success)
        // Its own: audits, which other tests run, have such processes too.
        let mine = processes(with: "TCP-LISTEN:3128").filter { process in
            FileManager.default.contents(atPath: "\(process)/mountinfo").map {
                String(decoding: $0, as: UTF8.self).contains(state.instance)
            } ?? false
        }
        #expect(mine.isEmpty)
        let left = FileManager.default.enumerator(atPath: state.path)?.compactMap { $0 as? String } ?? []
        #expect(left.allSatisfy { !$0.hasSuffix("/proxy") })
    }

    @Test("is possible only where the policy allows it, and its list is told when it is wrong")
    func policy() throws {
        let credentials = WorkerCredentials(workerID: "w", machineToken: "t", policyID: "p", server: "http://h")
        var configuration = WorkerConfiguration(credentials: credentials, capacity: Capacity())
        #expect(try JobNetwork(configuration, probe.layers)?.rules == nil)
        configuration.rules.network = true
        #expect(try JobNetwork(configuration, probe.layers)?.rules.domains == [])
        configuration.allowedDomains = ["*.example.org", "not a name"]
        #expect(throws: WorkerDaemon.Problem.self) { try JobNetwork(configuration, probe.layers) }
        #expect(throws: WorkerDaemon.Problem.self) {
            configuration.allowedDomains = []
            _ = try JobNetwork(configuration, [.missing(SandboxLayer.networkProxy, "no socat", "install it")])
        }
    }
}
