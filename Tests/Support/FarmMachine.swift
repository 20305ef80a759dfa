package import Bytes
import Domain
import Wire

extension FarmOwner {
    /// Registers a machine and signs what lets it work: an active policy and the consent to it.
    /// - Parameter hourlyPrice: in USDT; nil states none.
    package func machine(_ name: String = "machine", hourlyPrice: String? = nil) async throws -> FarmMachine {
        let credential = FarmServer.operatorToken
        let registered = try await client.post(
            "/api/v1/machines/register",
            [
                "owner_id": .string(id), "name": .string(name),
                "capacity": ["cpu_cores": 1_000, "memory_gb": 1_000],
                "price_usdt_per_hour": hourlyPrice.map { .string($0) } ?? .null,
            ]
        ).expecting(201).data
        guard let machine = registered["machine"]?["id"]?.string, let token = registered["machine_token"]?.string
        else { throw ToolFailure(description: "no machine: \(registered)") }
        let rules: JSON = ["max_cpu_percent": 100]
        let policy = try await made(
            "policy", "/api/v1/policies",
            [
                "owner_id": .string(id), "rules": rules,
                "signature": .string(
                    SignedMessage.policy(owner: OwnerID(id), rules: rules.bytes(.compact)).signature(key: credential)),
            ])
        _ = try await client.post("/api/v1/policies/\(policy)/activate", [:]).expecting(200)
        let consent = SignedMessage.consent(
            owner: OwnerID(id), worker: MachineID(machine), policy: PolicyID(policy))
        _ = try await made(
            "consent", "/api/v1/consents",
            [
                "owner_id": .string(id), "worker_id": .string(machine), "policy_id": .string(policy),
                "signature": .string(consent.signature(key: credential)),
            ])
        return FarmMachine(
            client: FarmClient(client.url, [("X-Machine-Token", token)]), id: machine, token: token, policy: policy)
    }

    private func made(_ noun: String, _ path: String, _ body: JSON) async throws -> String {
        let data = try await client.post(path, body).expecting(200, 201).data
        guard let id = (data[noun] ?? data)["id"]?.string else {
            throw ToolFailure(description: "no \(noun): \(data)")
        }
        return id
    }
}

/// A machine whose daemon is the test itself: it says exactly what the test wants, exactly then.
package struct FarmMachine: Sendable {
    package var client: FarmClient
    package let id: String
    package let token: String
    package let policy: String

    /// A job in its hands.
    package struct Grant: Sendable, Hashable {
        package let job: String
        package let token: String
        package let fence: Int64
        package let attempt: Int64
        /// Milliseconds since 1970 by the server's clock.
        package let visibleUntil: Int64

        package init(job: String, token: String, fence: Int64, attempt: Int64, visibleUntil: Int64 = 0) {
            self.job = job
            self.token = token
            self.fence = fence
            self.attempt = attempt
            self.visibleUntil = visibleUntil
        }
    }

    /// The same, at another server of the same farm.
    package func at(_ server: FarmServer) -> FarmMachine {
        var other = self
        other.client.url = server.url
        return other
    }

    private func post(_ path: String, _ body: JSON, timeout: Duration = .seconds(40)) async throws -> FarmReply {
        try await client.post("/api/v1/workers/\(id)/\(path)", body, timeout: timeout)
    }

    /// `lease` and `wait` in milliseconds.
    package func claim(
        _ limit: Int = 1, lease: Int = 60_000, wait: Int = 0, request: String? = nil, kinds: [String]? = nil,
        queues: [String]? = nil
    ) async throws -> FarmReply {
        var members: [JSON.Member] = [
            .init("limit", JSON(limit)), .init("visibility_timeout_ms", JSON(lease)), .init("wait_ms", JSON(wait)),
        ]
        if let kinds { members.append(.init("kinds", .array(kinds.map { .string($0) }))) }
        if let queues { members.append(.init("queues", .array(queues.map { .string($0) }))) }
        if let request { members.append(.init("request_id", .string(request))) }
        return try await post("jobs/claim", .object(members))
    }

    /// What a claim granted.
    package func claimed(_ limit: Int = 1, lease: Int = 60_000, wait: Int = 0) async throws -> [Grant] {
        try Self.grants(try await claim(limit, lease: lease, wait: wait).expecting(200))
    }

    /// The one job of a claim that must get one.
    package func take(lease: Int = 60_000, wait: Int = 15_000) async throws -> Grant {
        guard let grant = try await claimed(lease: lease, wait: wait).first else {
            throw ToolFailure(description: "\(id) got no job")
        }
        return grant
    }

    package static func grants(_ reply: FarmReply) throws -> [Grant] {
        try (reply.data["jobs"]?.array ?? []).map { job in
            guard let id = job["id"]?.string, let token = job["claim_token"]?.string, let fence = job["fence"]?.int,
                let attempt = job["attempt"]?.int,
                let until = job["visible_until"]?.string.flatMap({ RFC3339.parse($0) })
            else { throw ToolFailure(description: "no grant: \(job)") }
            return Grant(job: id, token: token, fence: fence, attempt: attempt, visibleUntil: until)
        }
    }

    package func extend(_ grant: Grant, by milliseconds: Int) async throws -> FarmReply {
        try await post(
            "jobs/\(grant.job)/extend",
            ["claim_token": .string(grant.token), "extension_ms": JSON(milliseconds)])
    }

    package func progress(_ grant: Grant, log: String) async throws -> FarmReply {
        try await post("jobs/\(grant.job)/progress", ["claim_token": .string(grant.token), "log": .string(log)])
    }

    package func keep(_ path: String, of grant: Grant, _ bytes: [UInt8]) async throws -> FarmReply {
        try await client.send(
            "PUT", "/api/v1/workers/\(id)/jobs/\(grant.job)/artifacts/\(path)", bytes: bytes,
            [("X-Claim-Token", grant.token), ("Content-Type", "application/octet-stream")])
    }

    package func read(_ path: String, of grant: Grant) async throws -> FarmReply {
        try await client.send(
            "GET", "/api/v1/workers/\(id)/jobs/\(grant.job)/inputs/\(path)", bytes: nil,
            [("X-Claim-Token", grant.token)])
    }

    package func release(_ grant: Grant) async throws -> FarmReply {
        try await post("jobs/\(grant.job)/release", ["claim_token": .string(grant.token)])
    }

    /// `status`: success, failure or timeout. `report`: an audit's.
    package func finish(
        _ grant: Grant, _ status: String = "success", output: String = "", report: JSON? = nil
    ) async throws -> FarmReply {
        try await post(
            "jobs/\(grant.job)/result",
            [
                "claim_token": .string(grant.token), "status": .string(status),
                "exit_code": JSON(status == "success" ? 0 : 1), "output": .string(output), "report": report ?? .null,
                "executed_at": .string(RFC3339.format(World.live.now())), "duration_ms": 1,
            ])
    }

    /// A signed heartbeat's body.
    package func heartbeatBody(nonce: String? = nil) -> JSON {
        HeartbeatRequest(
            workerID: MachineID(id), machineToken: token, sentAt: World.live.now(),
            nonce: nonce ?? Hex.encode(World.live.random(16)), policyID: PolicyID(policy), metrics: [:]
        ).json
    }

    package func heartbeat(_ body: JSON? = nil) async throws -> FarmReply {
        try await post("heartbeat", body ?? heartbeatBody())
    }
}
