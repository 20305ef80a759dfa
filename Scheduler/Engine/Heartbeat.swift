internal import Bytes
package import Domain
internal import Store

/// A worker's sign of life, as it was signed.
package struct Heartbeat: Sendable {
    package let worker: MachineID
    package let policy: PolicyID
    package let nonce: String
    /// A JSON object.
    package let metrics: String?
    private let tokenHash: String
    /// Whether the token that it came with signed it.
    private let isSigned: Bool
    private let sentAt: Int64

    /// In milliseconds.
    private static let skewAllowed: Int64 = 90_000

    /// - Parameters:
    ///   - token: the machine's.
    ///   - timestamp: the text that was signed; `sentAt` is what it says, in milliseconds since 1970.
    ///   - signature: in base64, over `worker_id|timestamp|nonce|policy_id`.
    package init(
        worker: MachineID, policy: PolicyID, nonce: String, metrics: String?, token: String, timestamp: String,
        sentAt: Int64, signature: String
    ) {
        self.worker = worker
        self.policy = policy
        self.nonce = nonce
        self.metrics = metrics
        self.sentAt = sentAt
        // Here, and not while a round holds a connection of the database.
        tokenHash = SHA256.hex(token)
        let message = Array("\(worker)|\(timestamp)|\(nonce)|\(policy)".utf8)
        isSigned =
            Base64.decode(signature).map { HMACSHA256.verify($0, key: Array(token.utf8), message: message) } ?? false
    }

    var terms: WorkerPolicy { WorkerPolicy(worker: worker, policy: policy) }

    func checkClock(_ now: Int64) throws(Refusal) {
        let skew = sentAt - now
        guard skew.magnitude <= Self.skewAllowed.magnitude else { throw .clockSkew(milliseconds: skew) }
    }

    /// The owner of the machine, if there is one with this token and the token signed this.
    func authenticate(_ machine: MachineCredential?) throws(Refusal) -> OwnerID {
        guard let machine, constantTimeEqual(machine.tokenHash, tokenHash), isSigned else {
            throw .invalidHeartbeatAuth
        }
        return machine.owner
    }
}
