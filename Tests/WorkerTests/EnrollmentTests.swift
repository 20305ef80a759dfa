import Bytes
import Domain
import Runtime
import Synchronization
import Testing
import Wire

@Suite("Enrollment")
struct EnrollmentTests {
    @Test("a machine is registered, its policy made and activated, its consent signed, all in the owner's name")
    func enrollment() async throws {
        let requests = Mutex<[FakeServer.Request]>([])
        let server = try FakeServer { request in
            requests.withLock { $0.append(request) }
            guard request.headers["authorization"] == "Bearer hf_key" else { return .refusal(401) }
            switch request.path {
            case "/api/v1/agents/me": return .data(["agent": ["id": "own_1"]])
            case "/api/v1/machines/register":
                return .data(
                    RegisterReply(id: "wrk_1", ownerID: "own_1", name: "box", createdAt: 0, machineToken: "t").json)
            case "/api/v1/policies": return .data(["policy": ["id": "pol_1"]])
            case "/api/v1/policies/pol_1/activate": return .data(["policy": ["id": "pol_1"]])
            case "/api/v1/consents": return .data(["id": "con_1"])
            default: return .refusal(404)
            }
        }
        defer { server.stop() }
        let rules: JSON = ["max_cpu_percent": 50]
        let credentials = try await EnrollmentClient(server: server.url + "/", credential: "hf_key").enroll(
            name: "box", capacity: Capacity(milliCores: 2_000), hourlyPrice: 100_000, rules: rules)
        #expect(
            credentials
                == WorkerCredentials(
                    workerID: "wrk_1", machineToken: "t", policyID: "pol_1", server: server.url + "/", rules: rules))
        let seen = requests.withLock { $0 }
        #expect(seen.count == 5)
        #expect(seen.dropFirst().allSatisfy { $0.headers["x-owner-id"] == "own_1" })
        #expect(try RegisterRequest(seen[1].json).hourlyPrice == 100_000)
        let raw = try #require(RawJSON.slice(ofTopLevelKey: "rules", in: seen[2].body))
        #expect(
            seen[2].json["signature"]?.string
                == SignedMessage.policy(owner: "own_1", rules: raw).signature(key: "hf_key"))
        #expect(seen[4].json["signature"] == "2HCsG7UhqV6vWIwV0/V+RVLZYkpIcj2e4+B///W4AzE=")
    }

    @Test("the server's refusal is passed on in its words")
    func refusal() async throws {
        let server = try FakeServer { _ in .refusal(400) }
        defer { server.stop() }
        await #expect(throws: ServerError.refused(status: 400, message: "no")) {
            try await EnrollmentClient(server: server.url, credential: "k", ownerID: "o").enroll(
                name: "", capacity: Capacity())
        }
        server.stop()
        await #expect(throws: ServerError.self) {
            try await EnrollmentClient(server: server.url, credential: "k").enroll(name: "", capacity: Capacity())
        }
    }
}
