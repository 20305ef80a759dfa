import API
import Bytes
import Domain
import HTTPTypes
import Testing

/// Every refusal in the words of every system: the system's own mapping and envelope, through the server and HTTP.
///
/// A new case of `Refusal` doesn't compile here before it is a `Case`, and then fails without a row in `rows`; a new
/// system fails without its words in `systems`.
@Suite("Refusals in each system's words", .timeLimit(.minutes(2)))
struct RefusalTableTests {
    private enum Case: CaseIterable {
        case invalid, notFound, notYours, notAllowed, leaseLost, jobEnded, wrongState, membersOnly, taken,
            insufficientFunds
        case keyReused, quota, noRoom, limitReached, uploadStands, invalidHeartbeatAuth, clockSkew, nonceSeen, noConsent
        case credentialEnded, badSignature, nonceInvalid, banned, notVerified

        /// Without `default`: the compiler asks for a new refusal.
        init(_ refusal: Refusal) {
            self =
                switch refusal {
                case .invalid: .invalid
                case .notFound: .notFound
                case .notYours: .notYours
                case .notAllowed: .notAllowed
                case .leaseLost: .leaseLost
                case .jobEnded: .jobEnded
                case .wrongState: .wrongState
                case .membersOnly: .membersOnly
                case .taken: .taken
                case .insufficientFunds: .insufficientFunds
                case .keyReused: .keyReused
                case .quota: .quota
                case .noRoom: .noRoom
                case .limitReached: .limitReached
                case .uploadStands: .uploadStands
                case .invalidHeartbeatAuth: .invalidHeartbeatAuth
                case .clockSkew: .clockSkew
                case .nonceSeen: .nonceSeen
                case .noConsent: .noConsent
                case .credentialEnded: .credentialEnded
                case .badSignature: .badSignature
                case .nonceInvalid: .nonceInvalid
                case .banned: .banned
                case .notVerified: .notVerified
                }
        }
    }

    /// What a caller is told.
    private struct Words {
        let status: Int
        let code: String
        let message: String
        let field: String?
        let headers: [String: String]

        init(_ status: Int, _ code: String, _ message: String, field: String? = nil, _ headers: [String: String] = [:])
        {
            self.status = status
            self.code = code
            self.message = message
            self.field = field
            self.headers = headers
        }
    }

    /// Seconds since 1970 by the server's clock.
    private static let now: Int64 = 1_700_000_000
    private static let bearer = ["WWW-Authenticate": "Bearer"]
    private static let job = JobID("0190b5f0-0000-7000-8000-000000000001")

    /// Each refusal, and its words where a system has no others.
    private static let rows: [(refusal: Refusal, words: Words)] = [
        (
            .invalid(field: "title", message: "title must not be blank"),
            Words(400, "invalid_field", "title must not be blank", field: "title")
        ),
        (.notFound("job"), Words(404, "not_found", "job not found")),
        (.notYours("job"), Words(403, "forbidden", "this job belongs to another owner")),
        (.notAllowed("only its author"), Words(403, "forbidden", "only its author")),
        (.leaseLost(job), Words(403, "lease_lost", "the claim token is not the current one")),
        (.jobEnded(job, .completed), Words(409, "job_ended", "the job is already completed")),
        (.jobEnded(job, .cancelled), Words(409, "job_ended", "the job is already cancelled")),
        (.wrongState("the job is running"), Words(409, "wrong_state", "the job is running")),
        (
            .membersOnly,
            Words(
                403, "members_only", "only registered members may do this: register an agent and use its key")
        ),
        (.taken(field: "name"), Words(409, "taken", "this name is already taken", field: "name")),
        (
            .insufficientFunds(.usdt, needed: 1_250_000, available: 1),
            Words(400, "insufficient_funds", "this needs 1.25 USDT, and 0.000001 is available")
        ),
        (
            .keyReused,
            Words(
                422, "idempotency_key_reused",
                "this Idempotency-Key was already used with a different body; use a new key", field: "Idempotency-Key")
        ),
        (
            .quota("artifacts per job", retryAfterSeconds: 3_600),
            Words(429, "quota_exceeded", "too many artifacts per job", ["Retry-After": "3600"])
        ),
        (.noRoom("too many files"), Words(413, "no_room", "too many files")),
        (
            .limitReached(QuotaStanding(limit: 3, remaining: 0, resetsAt: (now + 6_400) * 1_000)),
            Words(
                429, "rate_limited", "the limit of 3 a day is reached",
                [
                    "Retry-After": "6400", "X-RateLimit-Limit": "3", "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": "1700006400",
                ])
        ),
        (
            .uploadStands(at: 7),
            Words(
                409, "upload_offset", "the upload has 7 bytes so far; continue from there", ["Upload-Offset": "7"])
        ),
        (.invalidHeartbeatAuth, Words(401, "invalid_heartbeat_auth", "invalid heartbeat auth", bearer)),
        (
            .clockSkew(milliseconds: -301_000),
            Words(401, "clock_skew", "the timestamp is 301000 ms behind the server's clock", bearer)
        ),
        (
            .clockSkew(milliseconds: 301_000),
            Words(401, "clock_skew", "the timestamp is 301000 ms ahead of the server's clock", bearer)
        ),
        (.nonceSeen, Words(401, "nonce_seen", "this nonce was already used", bearer)),
        (.noConsent, Words(403, "no_consent", "this worker has no active consent to this policy")),
        (.credentialEnded, Words(401, "unauthorized", "missing or invalid credentials", bearer)),
        (.badSignature, Words(401, "bad_signature", "invalid signature", bearer)),
        (.nonceInvalid, Words(401, "invalid_nonce", "invalid or expired nonce", bearer)),
        (.banned, Words(403, "banned", "the caller is banned")),
        (.notVerified("endorse others"), Words(403, "not_verified", "only verified devices can endorse others")),
    ]

    /// What people with a login are told otherwise.
    private static let loginOverrides: [Case: Words] = [
        .invalid: Words(422, "validation_error", "title must not be blank", field: "title"),
        .notYours: Words(404, "not_found", "job not found"),
        .credentialEnded: Words(401, "unauthorized", "Could not validate credentials", bearer),
    ]

    /// What agents that trade bounties are told otherwise.
    private static let beeHackOverrides: [Case: Words] = [
        .taken: Words(409, "taken", "This name is already taken; choose another", field: "name"),
        .membersOnly: Words(403, "forbidden", "Only registered members may do this; register at POST /api/register"),
        .insufficientFunds: Words(
            400, "insufficient_funds", "Insufficient points: this needs 1250000, and 1 are available"),
    ]

    /// What devices and their customers are told otherwise.
    private static let gatewayOverrides: [Case: Words] = [
        .notYours: Words(403, "forbidden", "this job belongs to another customer"),
        .taken: Words(409, "taken", "this name already exists", field: "name"),
        .leaseLost: Words(403, "lease_lost", "the claim token is not the current one, or its time is over"),
    ]

    /// What companion devices are told otherwise.
    private static let inklingOverrides: [Case: Words] = [
        .badSignature: Words(401, "invalid_signature", "Invalid signature", bearer),
        .clockSkew: Words(401, "signature_expired", "The signature is too old, or the clock is wrong", bearer),
        .nonceSeen: Words(401, "replayed", "This signed message was already accepted", bearer),
        .nonceInvalid: Words(401, "invalid_nonce", "Invalid or expired nonce", bearer),
        .banned: Words(403, "device_banned", "Device is banned"),
        .notVerified: Words(403, "not_verified", "Only verified devices can endorse others"),
        .limitReached: Words(
            429, "rate_limited", "Rate limit exceeded: 3 a day",
            [
                "Retry-After": "6400", "X-RateLimit-Limit": "3", "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "1700006400",
            ]),
    ]

    /// How each system writes a refusal, and which of them it says otherwise.
    private static let systems: [String: (body: @Sendable (Words) -> String, overrides: [Case: Words])] = [
        "HatchFarm": (flat, [:]),
        "Jobs": (located, loginOverrides),
        "SteelThread": (located, loginOverrides),
        "SteelThread API": (located, loginOverrides),
        "bee:hack": (plain, beeHackOverrides),
        "Gateway": (detailed, gatewayOverrides), "Gateway sockets": (detailed, gatewayOverrides),
        "Inkling": (shouted, inklingOverrides), "Inkling socket": (shouted, inklingOverrides),
    ]

    @Sendable private static func flat(_ words: Words) -> String {
        let field = words.field.map { #","field":"\#($0)""# } ?? ""
        return #"{"success":false,"error":"\#(words.message)","code":"\#(words.code)"\#(field)}"#
    }

    @Sendable private static func shouted(_ words: Words) -> String {
        #"{"error":"\#(words.message)","code":"\#(words.code.uppercased())"}"#
    }

    @Sendable private static func plain(_ words: Words) -> String { #"{"error":"\#(words.message)"}"# }

    @Sendable private static func detailed(_ words: Words) -> String {
        let details = words.field.map { #"{"field":"\#($0)"}"# } ?? "{}"
        return #"{"error":{"code":"\#(words.code.uppercased())","message":"\#(words.message)","details":\#(details)}}"#
    }

    @Sendable private static func located(_ words: Words) -> String {
        let type = words.status == 422 ? "validation_error" : "http_exception"
        let field = words.field.map { #","field":"\#($0)""# } ?? ""
        return #"{"error":{"type":"\#(type)","code":\#(words.status),"message":"\#(words.message)","#
            + #""path":"/refused","method":"GET"\#(field)}}"#
    }

    @Test("has a row for each refusal, and words for each system that is served")
    func whole() {
        #expect(Set(Case.allCases).subtracting(Self.rows.map { Case($0.refusal) }) == [])
        #expect(Self.systems.keys.sorted() == APISystem.all.map(\.name).sorted())
    }

    @Test("are the table's, to the letter", arguments: APISystem.all.map(\.name))
    func words(of name: String) async throws {
        let system = try #require(APISystem.all.first { $0.name == name })
        let own = try #require(Self.systems[name], "there are no words for \(name)")
        var world = World.live
        world.now = { Self.now * 1_000 }
        try await TestServer.run(world: world, systems: [Self.refusing(like: system)]) { server async throws in
            for (index, row) in Self.rows.enumerated() {
                let words = own.overrides[Case(row.refusal)] ?? row.words
                let answer = try await server.get("/refused?q=\(index)")
                #expect(answer.status == words.status, "\(row.refusal)")
                #expect(answer.text == own.body(words), "\(row.refusal)")
                #expect(answer["Content-Type"] == "application/json")
                for header in Self.headers {
                    #expect(answer[header] == words.headers[header], "\(row.refusal): \(header)")
                }
                let told = try await server.get("/told?q=\(index)").json
                #expect(told == ["code": .string(words.code), "message": .string(words.message)], "\(row.refusal)")
            }
        }
    }

    private static let headers = [
        "Retry-After", "WWW-Authenticate", "Upload-Offset", "X-RateLimit-Limit", "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
    ]

    /// A system that speaks as the given one, and whose operations refuse: outright, or as a part of their answer.
    private static func refusing(like system: APISystem) -> APISystem {
        APISystem(
            name: system.name, envelope: system.envelope, bases: [""], invalid: system.invalid,
            unauthorized: system.unauthorized, overrides: system.overrides,
            routes: [
                Route(.get, "/refused", "refused", "Refuses.", answers: [.ok(.anything)], metering: .free) {
                    (call: Call, _: PublicContext) throws -> Reply in throw try refusal(call)
                },
                Route(.get, "/told", "told", "Tells of a refusal.", answers: [.ok(.anything)], metering: .free) {
                    (call: Call, _: PublicContext) throws -> Reply in
                    let problem = call.problem(try refusal(call))
                    return .json(.ok, ["code": .string(problem.code), "message": .string(problem.message)])
                },
            ])
    }

    private static func refusal(_ call: Call) throws -> Refusal {
        guard let index = try call.query["q"].flatMap({ Int($0) }), rows.indices.contains(index) else {
            throw InternalError("there is no such row")
        }
        return rows[index].refusal
    }
}
