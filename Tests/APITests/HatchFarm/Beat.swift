import Bytes
import Support

/// A heartbeat to be sent, with whatever is wrong with it.
struct Beat: Sendable {
    var worker: String
    var token: String?
    var timestamp: String
    var nonce: String
    var policy: String
    var metrics: JSON? = ["load": 0.5]
    /// nil signs properly.
    var signature: String?
    /// Fields that are not sent.
    var missing: Set<String> = []

    init(_ worker: Worker, at milliseconds: Int64, nonce: String = Hex.encode(World.live.random(12))) {
        self.worker = worker.id
        token = worker.token
        timestamp = RFC3339.format(milliseconds)
        self.nonce = nonce
        policy = worker.policy
    }

    var body: JSON {
        let message = "\(worker)|\(timestamp)|\(nonce)|\(policy)"
        let signed = signature ?? Base64.encode(HMACSHA256.sign(key: token ?? "", message: message))
        let members: [JSON.Member] = [
            .init("timestamp", .string(timestamp)), .init("nonce", .string(nonce)),
            .init("policy_id", .string(policy)), .init("metrics", metrics ?? .null),
            .init("signature", .string(signed)),
        ]
        return .object(members.filter { !missing.contains($0.key) })
    }

    var headers: [(String, String)] { token.map { [("X-Machine-Token", $0)] } ?? [] }
}

extension ControlPlane {
    func send(_ beat: Beat) async throws -> PlaneReply {
        try await send("POST", "/workers/\(beat.worker)/heartbeat", beat.headers, bytes: beat.body.bytes())
    }

    /// A good heartbeat of this moment, or of some milliseconds off it.
    func beat(_ worker: Worker, off milliseconds: Int64 = 0, nonce: String? = nil) -> Beat {
        var beat = Beat(worker, at: clock.now + milliseconds)
        if let nonce { beat.nonce = nonce }
        return beat
    }
}
