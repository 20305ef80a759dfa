internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What a device asks for by a signed call. It is read before the signature is verified: what is missing or too long
/// is told first (CONTRACT 8).
protocol SignedPayload: Sendable {
    /// The whole signed call: made once, as every call needs it.
    static var signed: Input<SignedBody<Self>> { get }
}

extension Input where Value: SignedPayload {
    /// A signed call with this payload.
    var signed: Input<SignedBody<Value>> { Input<SignedBody<Value>>(SignedBody.fields(self)).missingFirst }
}

/// A device by the signature of its call, which was verified without the database, so that nobody learns from the time
/// it takes whether a device is known. The rest is asked in the transaction of the call's effect.
struct SignedContext<Payload: SignedPayload>: TransactionalContext {
    /// The document can't say it otherwise: the signature stands in the body.
    static var authentication: Authentication { .none.metered(.failures) }

    let payload: Payload
    let signed: SignedCall
    private let registrations: Int64

    var key: InklingKey { signed.key }
    var quotaSubject: String? { key.text }

    static func admit(_ call: Call) async throws -> SignedContext {
        let body = try await call.body()
        let read = try Payload.signed.read(body.json())
        return try SignedContext(read, call, isSpaced: SignedForms.isSpaced(body.bytes))
    }

    /// Throws `Refusal.badSignature`.
    init(_ body: SignedBody<Payload>, _ call: Call, isSpaced: Bool) throws {
        guard let digest = body.digest(isSpaced: isSpaced) else { throw Refusal.badSignature }
        payload = body.payload
        signed = SignedCall(
            key: body.key, hardwareHash: body.hardwareHash.hiddenHash, signedAt: body.timestamp * 1_000,
            digest: digest, nonce: body.nonce?.lowercased(), address: call.address)
        registrations = call.dependencies.configuration.inklingsPerAddress
    }

    func admit(in transaction: Transaction) throws { _ = try enter(transaction) }

    /// As `admit`; returns what that made of the device.
    func enter(_ transaction: Transaction) throws -> InklingEntry {
        try transaction.admit(signed, registrations: registrations)
    }
}

/// A signed call as it comes.
struct SignedBody<Payload: SignedPayload>: Sendable {
    let payload: Payload
    private let raw: JSON
    let timestamp: Int64
    let hardwareHash: String
    let key: InklingKey
    private let signature: String
    let nonce: String?

    static func fields(_ payload: Input<Payload>) -> InputFields<SignedBody> {
        InputFields {
            required("payload", both(payload))
            required("timestamp", .integer(1_000_000_000...Int64(9_999_999_999)), "Seconds since 1970.")
            required("hardware_hash", .hex(16...128))
            required("public_key", InklingShapes.key)
            required(
                "signature", .hex(128...128),
                "Ed25519, over the payload as JSON.stringify or Python's sorted json.dumps writes it, the timestamp "
                    + "and the hardware hash.")
            optional("nonce", .hex(64...64), "From GET /api/oracle; good for one call.")
        }
        .map { payload, timestamp, hardwareHash, key, signature, nonce throws(FieldError) in
            SignedBody(
                payload: payload.1, raw: payload.0, timestamp: timestamp, hardwareHash: hardwareHash, key: key,
                signature: signature, nonce: nonce)
        }
    }

    private static func both(_ payload: Input<Payload>) -> Input<(JSON, Payload)> {
        Input<(JSON, Payload)>(payload.schema) { json throws(FieldError) in (json, try payload.read(json)) }
    }

    /// SHA-256 hex of the key and the message; nil when the signature doesn't hold.
    fileprivate func digest(isSpaced: Bool) -> String? {
        guard let signature = Hex.decode(signature), let key = Hex.decode(key.text) else { return nil }
        let forms = PayloadSignature(
            payload: raw, timestamp: timestamp, hardwareHash: hardwareHash, nonce: nonce)
        return forms.signed(signature, by: key, isSpaced: isSpaced).map { SHA256.hex(key + $0) }
    }
}

enum SignedForms {
    /// Whether a body looks like Python's, with a space after its first colon.
    static func isSpaced(_ body: [UInt8]) -> Bool {
        guard let colon = body.firstIndex(of: UInt8(ascii: ":")), colon + 1 < body.count else { return false }
        return body[colon + 1] == UInt8(ascii: " ")
    }
}

extension Route {
    /// A signed call whose effect is one transaction with its admission.
    static func signed<Payload: SignedPayload, Value: Sendable>(
        _ path: String, _ id: String, _ summary: String, _ success: Success<Value>, daily quota: InklingQuota,
        _ handler: @escaping @Sendable (Call, SignedContext<Payload>) throws -> Effect<Value>
    ) -> Route {
        Route(
            .post, path, id, summary, body: Payload.signed.map { _ in }, answers: success.answers(of: .post),
            quotas: [.daily(quota.daily)]
        ) { (call: Call, caller: SignedContext<Payload>) in
            try await handler(call, caller).reply(success, for: call, by: caller)
        }
    }
}

extension String {
    /// A hardware hash as it is kept: whoever reads the database can't give a device a parent by it.
    var hiddenHash: String { SHA256.hex(lowercased()) }
}

extension Call {
    /// How many calls of the day are left after this one, in its effect.
    var remaining: Int64 { standing(isRefused: false)?.remaining ?? 0 }
}

extension Input {
    /// As this, but what is missing anywhere is told before what is wrong with the rest.
    var missingFirst: Input {
        Input(schema) { json throws(FieldError) in
            do throws(FieldError) {
                return try read(json)
            } catch {
                if case .missing = error.problem { throw error }
                throw schema.missing(in: json).map { FieldError($0, .missing) } ?? error
            }
        }
    }
}

extension Schema {
    /// The first property that an object lacks.
    fileprivate func missing(in json: JSON) -> String? {
        switch self {
        case .named(_, let schema), .noted(let schema, _), .exemplified(let schema, _), .nullable(let schema):
            return schema.missing(in: json)
        case .record(let properties):
            guard json.members != nil else { return nil }
            for property in properties {
                guard let value = json[property.name], !value.isNull else {
                    if property.isRequired { return property.name }
                    continue
                }
                if let inner = property.schema.missing(in: value) { return "\(property.name).\(inner)" }
            }
            return nil
        default: return nil
        }
    }
}
