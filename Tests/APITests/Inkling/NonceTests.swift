import API
import Bytes
import Store
import Support
import Testing

@Suite("Inkling: nonces", .timeLimit(.minutes(2)))
struct InklingNonceTests {
    @Test("GET /api/oracle gives a new one of 64 hex digits, for five minutes", arguments: TestDatabase.all)
    func given(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            var seen: Set<String> = []
            for _ in 0..<20 {
                let reply = try lab.must(await lab.get("/api/oracle"))
                #expect(reply.keys == ["success", "nonce", "expires_in"])
                #expect(reply["expires_in"] == 300)
                let nonce = try #require(reply["nonce"]?.string)
                #expect(Hex.isHex(nonce, lengths: 64...64), "\(nonce)")
                seen.insert(nonce)
            }
            #expect(seen.count == 20)
        }
    }

    @Test("a nonce works once, for whichever device", arguments: TestDatabase.all)
    func once(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two) = (try await lab.enroll(), try await lab.enroll())
            for form in SignedForm.allCases {
                let nonce = try await lab.nonce()
                try lab.must(await lab.send("/api/plant", by: one, InklingLab.dream("\(form)"), form, nonce: nonce))
                for device in [one, two] {
                    let again = InklingLab.dream("\(form) again")
                    try await lab.expectRefusal("401 INVALID_NONCE") {
                        try await lab.send("/api/plant", by: device, again, form, nonce: nonce)
                    }
                }
            }
        }
    }

    @Test("a nonce that nobody was given is refused, and so is one that is over", arguments: TestDatabase.all)
    func unknown(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            let (late, inTime) = (try await lab.nonce(), try await lab.nonce())
            let made = Hex.encode(World.live.random(32))
            for form in SignedForm.allCases {
                try await lab.expectRefusal("401 INVALID_NONCE") {
                    try await lab.send("/api/plant", by: device, InklingLab.dream("made up"), form, nonce: made)
                }
            }
            for nonce in ["", "x", String(late.dropLast()), late + "0", late + " ", "nonce-1", "' OR 1=1 --"] {
                try await lab.expectRefusal([400, 401], "\(nonce)") {
                    try await lab.send("/api/plant", by: device, InklingLab.dream("none"), nonce: nonce)
                }
            }
            lab.clock.advance(by: .seconds(270))
            try lab.must(await lab.send("/api/plant", by: device, InklingLab.dream("in time"), nonce: inTime))
            lab.clock.advance(by: .seconds(31))
            try await lab.expectRefusal("401 INVALID_NONCE") {
                try await lab.send("/api/plant", by: device, InklingLab.dream("late"), nonce: late)
            }
        }
    }

    @Test("a nonce is spent by nothing but an accepted call", arguments: TestDatabase.all)
    func unspent(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, banned) = (try await lab.enroll(), try await lab.enroll())
            try lab.must(await lab.admin("ban", banned.key))
            let nonce = try await lab.nonce()
            try await lab.expectRefusal("401 INVALID_SIGNATURE") {
                try await lab.post(
                    "/api/plant", lab.message(by: device, InklingLab.dream(), nonce: nonce).forged)
            }
            try await lab.expectRefusal([400], "too long") {
                try await lab.send("/api/plant", by: device, ["content": .letters(281)], nonce: nonce)
            }
            try await lab.expectRefusal("403 DEVICE_BANNED") {
                try await lab.send("/api/plant", by: banned, InklingLab.dream(), nonce: nonce)
            }
            let nobody = InklingDevice()
            try await lab.expectRefusal("404 DEVICE_NOT_FOUND") {
                try await lab.send("/api/telegram", by: device, InklingLab.telegram(to: nobody.key), nonce: nonce)
            }
            try await lab.expectRefusal("403 NOT_VERIFIED") {
                let payload: JSON = ["action": "endorse", "target_public_key": .string(banned.key)]
                return try await lab.send("/api/baptism", by: device, payload, nonce: nonce)
            }
            for number in 0..<20 {
                try lab.must(await lab.send("/api/plant", by: device, InklingLab.dream("number \(number)")))
            }
            #expect(
                try await lab.send("/api/plant", by: device, InklingLab.dream("over"), nonce: nonce).outcome
                    == "429 RATE_LIMITED")
            try lab.must(await lab.send("/api/postcard", by: device, InklingLab.postcard(), nonce: nonce))
        }
    }

    @Test("the nonce of the third form is signed: it can't be exchanged", arguments: TestDatabase.all)
    func signed(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let (first, second) = (try await lab.nonce(), try await lab.nonce())
            let message = lab.message(by: device, InklingLab.dream(), .whole, nonce: first)
            for other in [message.with(["nonce": .string(second)]), message.without("nonce")] {
                try await lab.expectRefusal("401 INVALID_SIGNATURE") { try await lab.post("/api/plant", other) }
            }
            try lab.must(await lab.post("/api/plant", message))
        }
    }

    @Test("an accepted message isn't accepted again without its nonce, nor with another", arguments: TestDatabase.all)
    func exchanged(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            for form in [SignedForm.python, .javaScript] {
                let nonce = try await lab.nonce()
                let message = lab.message(by: device, InklingLab.dream("\(form)"), form, nonce: nonce)
                try lab.must(await lab.post("/api/plant", message))
                let fresh = message.with(["nonce": .string(try await lab.nonce())])
                try await lab.expectRefusal("401 REPLAYED") { try await lab.post("/api/plant", fresh) }
                let bare = message.without("nonce")
                try await lab.expectRefusal("401 REPLAYED") { try await lab.post("/api/plant", bare) }
                try await lab.expectRefusal([401], "the same again") { try await lab.post("/api/plant", message) }
            }
        }
    }

    @Test("fifty uses of one nonce at once: one is accepted", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let nonce = try await lab.nonce()
            let replies = try await atOnce(50) { number in
                let device = InklingDevice()
                let body = lab.message(by: device, InklingLab.dream("number \(number)"), nonce: nonce)
                return try await lab.client.post("/api/plant", body)
            }
            #expect(replies.count { $0.status == 200 } == 1)
            #expect(replies.count { $0.outcome == "401 INVALID_NONCE" } == 49, "\(Set(replies.map(\.outcome)))")
            #expect(try await lab.dreams().count == 1)
        }
    }

    @Test("a nonce of one server is known to the other, and spent there as well")
    func twoServers() async throws {
        let (url, clock) = (try await TestDatabase.postgres.freshURL(), TestClock.noon)
        try await InklingLab.run(.postgres, url: url, clock: clock) { here in
            try await InklingLab.run(.postgres, url: url, clock: clock) { there in
                let nonce = try await here.nonce()
                let replies = try await atOnce(50) { number in
                    let lab = number.isMultiple(of: 2) ? here : there
                    let body = lab.message(by: InklingDevice(), InklingLab.dream("number \(number)"), nonce: nonce)
                    return try await lab.client.post("/api/plant", body)
                }
                #expect(replies.count { $0.status == 200 } == 1)
                #expect(replies.allSatisfy { $0.status == 200 || $0.outcome == "401 INVALID_NONCE" })
            }
        }
    }
}

extension FarmReply {
    /// What a client goes by: the status, and of a refusal its code.
    var outcome: String { status < 300 ? "\(status)" : "\(status) \(json["code"]?.string ?? text)" }
}
