package import Bytes
package import Domain
internal import NIOHTTP1
internal import Wire

/// Enrolls a machine in its owner's name: registers it, signs and activates a policy, and signs the consent
/// (CONTRACT 5).
package struct EnrollmentClient: Sendable {
    private let server: String
    private let credential: String
    private let ownerID: OwnerID?

    /// - Parameters:
    ///   - credential: the owner's API key, or the operator's token.
    ///   - ownerID: `nil`: ask the server whom the key belongs to.
    package init(server: String, credential: String, ownerID: OwnerID? = nil) {
        self.server = server
        self.credential = credential
        self.ownerID = ownerID
    }

    /// The minimal rules: all of the processors, no network access.
    package static let openRules: JSON = ["max_cpu_percent": 100]

    /// Registers a machine, and signs the rules for it. Not atomic: earlier steps persist when a later one fails.
    package func enroll(
        name: String, capacity: Capacity, hourlyPrice: Int64? = nil, rules: JSON = openRules
    ) async throws(ServerError) -> WorkerCredentials {
        try await connected { connection throws(ServerError) in
            let owner = try await owner(connection)
            let request = RegisterRequest(
                ownerID: owner, name: name, capacity: capacity, hourlyPrice: hourlyPrice)
            let registered = try await post(connection, "/machines/register", owner, request.json)
            let machine: RegisterReply
            do throws(FieldError) {
                machine = try RegisterReply(registered)
            } catch {
                throw .unreachable("invalid answer of the server: \(error.message)")
            }
            let policy = try await accept(connection, owner, machine.id, rules)
            return WorkerCredentials(
                workerID: machine.id, machineToken: machine.machineToken, policyID: policy, server: server,
                rules: rules)
        }
    }

    /// Signs new rules for an enrolled machine: a new policy, and the consent to it. Returns the policy's id, which the
    /// machine's heartbeats must name from then on.
    package func accept(rules: JSON, for workerID: MachineID) async throws(ServerError) -> PolicyID {
        try await connected { connection throws(ServerError) in
            try await accept(connection, owner(connection), workerID, rules)
        }
    }

    private func accept(
        _ connection: ServerConnection, _ owner: OwnerID, _ workerID: MachineID, _ rules: JSON
    ) async throws(ServerError) -> PolicyID {
        // The server verifies exactly these bytes: the body carries them as they were signed.
        let signed = SignedMessage.policy(owner: owner, rules: rules.bytes(.compact))
        let policy = PolicyID(
            try await create(
                connection, "policy", "/policies", owner,
                [
                    "owner_id": .string(owner.text), "rules": rules,
                    "signature": .string(signed.signature(key: credential)),
                ]))
        _ = try await post(connection, "/policies/\(ServerConnection.encoded(policy.text))/activate", owner, [:])
        let consent = SignedMessage.consent(owner: owner, worker: workerID, policy: policy)
        _ = try await create(
            connection, "consent", "/consents", owner,
            [
                "owner_id": .string(owner.text), "worker_id": .string(workerID.text),
                "policy_id": .string(policy.text), "signature": .string(consent.signature(key: credential)),
            ])
        return policy
    }

    private func connected<T: Sendable>(
        _ body: (ServerConnection) async throws(ServerError) -> T
    ) async throws(ServerError) -> T {
        let connection = ServerConnection(server: server)
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    private func owner(_ connection: ServerConnection) async throws(ServerError) -> OwnerID {
        if let ownerID { ownerID } else { try await askOwner(connection) }
    }

    private func askOwner(_ connection: ServerConnection) async throws(ServerError) -> OwnerID {
        let answer = try await connection.send(
            .GET, "/agents/me", headers: headers(nil), timeoutMilliseconds: 15_000, limit: 1 << 20)
        let data = try answer.data()
        guard let id = (data["agent"] ?? data)["id"]?.string else {
            throw .refused(status: answer.status, message: "the server doesn't report the key's owner")
        }
        return OwnerID(id)
    }

    private func create(
        _ connection: ServerConnection, _ noun: String, _ path: String, _ owner: OwnerID, _ body: JSON
    ) async throws(ServerError) -> String {
        let data = try await post(connection, path, owner, body)
        guard let id = (data[noun] ?? data)["id"]?.string else {
            throw .unreachable("invalid answer of the server: the \(noun) has no id")
        }
        return id
    }

    private func post(
        _ connection: ServerConnection, _ path: String, _ owner: OwnerID, _ body: JSON
    ) async throws(ServerError) -> JSON {
        try await connection.send(
            .POST, path, headers: headers(owner), body: body.bytes(.compact), timeoutMilliseconds: 15_000,
            limit: 1 << 20
        ).data()
    }

    private func headers(_ owner: OwnerID?) -> HTTPHeaders {
        var headers: HTTPHeaders = ["Authorization": "Bearer \(credential)", "Content-Type": "application/json"]
        if let owner { headers.add(name: "X-Owner-ID", value: owner.text) }
        return headers
    }
}
