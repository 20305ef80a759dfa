import API
import Bytes
import Store
import Support
import Testing

@Suite("Inkling: the same signed message", .timeLimit(.minutes(3)))
struct InklingReplayTests {
    /// Messages of one device for each endpoint that is signed and does something.
    private static func messages(_ lab: InklingLab, to other: InklingDevice) -> [(path: String, message: JSON)] {
        let device = InklingDevice()
        return [
            ("/api/plant", lab.message(by: device, InklingLab.dream())),
            ("/api/telegram", lab.message(by: device, InklingLab.telegram(to: other.key))),
            ("/api/postcard", lab.message(by: device, InklingLab.postcard(to: other.key))),
            ("/api/baptism", lab.message(by: device, ["action": "request", "message": "once"])),
            ("/api/lineage", lab.message(by: device, InklingLab.birth(of: InklingDevice()))),
            ("/api/fish", lab.message(by: device, ["limit": 3])),
            ("/api/telegram/inbox", lab.message(by: device, [:])),
        ]
    }

    @Test("is accepted once, and 401 from then on, until its time is over", arguments: TestDatabase.all)
    func once(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let other = try await lab.enroll()
            let messages = Self.messages(lab, to: other)
            for (path, message) in messages { try lab.must(await lab.post(path, message)) }
            for pause: Int64 in [0, 100, 150] {
                lab.clock.advance(by: .seconds(pause))
                for (path, message) in messages {
                    try await lab.expectRefusal("401 REPLAYED") { try await lab.post(path, message) }
                }
            }
            lab.clock.advance(by: .seconds(60))
            for (path, message) in messages {
                try await lab.expectRefusal([401], "\(path), late") { try await lab.post(path, message) }
            }
        }
    }

    @Test("with a timestamp ahead is remembered until that is over, too", arguments: TestDatabase.all)
    func ahead(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let message = lab.message(by: InklingDevice(), InklingLab.dream(), in: 295)
            try lab.must(await lab.post("/api/plant", message))
            for _ in 0..<6 {
                lab.clock.advance(by: .seconds(95))
                // Somebody else's calls may be what clears old ones away.
                try lab.must(await lab.send("/api/plant", by: InklingDevice(), InklingLab.dream("meanwhile")))
                try await lab.expectRefusal([401], "the same again") { try await lab.post("/api/plant", message) }
            }
        }
    }

    @Test("sent to another endpoint that takes it is no second message", arguments: TestDatabase.all)
    func elsewhere(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let message = lab.message(by: InklingDevice(), [:])
            try lab.must(await lab.post("/api/fish", message))
            try await lab.expectRefusal("401 REPLAYED") { try await lab.post("/api/telegram/inbox", message) }
        }
    }

    @Test("fifty times at once counts once", arguments: TestDatabase.all)
    func atTheSameTime(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, known) = (InklingDevice(), try await lab.enroll())
            for sender in [device, known] {
                let message = lab.message(by: sender, InklingLab.dream("of \(sender.key)"))
                let replies = try await atOnce(50) { _ in try await lab.client.post("/api/plant", message) }
                #expect(replies.count { $0.status == 200 } == 1, "\(replies.map(\.outcome))")
                #expect(replies.count { $0.outcome == "401 REPLAYED" } == 49, "\(Set(replies.map(\.outcome)))")
                let next = try lab.must(await lab.send("/api/plant", by: sender, InklingLab.dream("the next")))
                #expect(next["remaining_dreams"] == 18)
            }
            #expect(try await lab.dreams().count == 4)
        }
    }

    @Test("of a device that nobody knew registers it once", arguments: TestDatabase.all)
    func registration(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let replies = try await atOnce(50) { number in
                let body = lab.message(by: device, InklingLab.dream("number \(number)"))
                return try await lab.client.post("/api/plant", body)
            }
            #expect(replies.count { $0.status == 200 } == 20, "\(Set(replies.map(\.outcome)))")
            #expect(replies.count { $0.outcome == "429 RATE_LIMITED" } == 30)
            #expect(try await lab.isKnown(device))
        }
    }

    @Test("over two servers at once counts once, and they agree")
    func twoServers() async throws {
        let (url, clock) = (try await TestDatabase.postgres.freshURL(), TestClock.noon)
        try await InklingLab.run(.postgres, url: url, clock: clock) { here in
            try await InklingLab.run(.postgres, url: url, clock: clock) { there in
                let device = InklingDevice()
                for round in 0..<5 {
                    let message = here.message(by: device, InklingLab.dream("round \(round)"))
                    let replies = try await atOnce(50) { number in
                        let lab = number.isMultiple(of: 2) ? here : there
                        return try await lab.client.post("/api/plant", message)
                    }
                    #expect(replies.count { $0.status == 200 } == 1, "\(replies.map(\.outcome))")
                    #expect(replies.allSatisfy { [200, 401].contains($0.status) })
                }
                #expect(try await here.dreams() == there.dreams())
                #expect(try await here.dreams().count == 5)
            }
        }
    }

    @Test("is known after a restart", arguments: TestDatabase.all)
    func restart(on database: TestDatabase) async throws {
        let (url, clock) = (try await database.freshURL(), TestClock.noon)
        let device = InklingDevice()
        var (message, nonce): (JSON, String) = (.null, "")
        try await InklingLab.run(database, url: url, clock: clock) { lab in
            nonce = try await lab.nonce()
            message = lab.message(by: device, InklingLab.dream("before"))
            try lab.must(await lab.post("/api/plant", message))
        }
        try await InklingLab.run(database, url: url, clock: clock) { lab in
            try await lab.expectRefusal("401 REPLAYED") { try await lab.post("/api/plant", message) }
            let replies = try await atOnce(50) { [message] _ in try await lab.client.post("/api/plant", message) }
            #expect(replies.allSatisfy { $0.outcome == "401 REPLAYED" })
            try lab.must(await lab.send("/api/plant", by: device, InklingLab.dream("after"), nonce: nonce))
            try await lab.expectRefusal("401 INVALID_NONCE") {
                try await lab.send("/api/plant", by: device, InklingLab.dream("again"), nonce: nonce)
            }
            #expect(try await lab.dreams() == ["after", "before"])
        }
    }
}
