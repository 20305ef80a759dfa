import API
import Bytes
import Store
import Support
import Testing

@Suite("Inkling: limits of a day", .timeLimit(.minutes(4)))
struct InklingLimitTests {
    @Test(
        "are told on every reply, and the call just made is counted", arguments: TestDatabase.all, InklingLab.Limit.all)
    func told(on database: TestDatabase, of limit: InklingLab.Limit) async throws {
        try await InklingLab.run(database) { lab in
            let (device, other) = (InklingDevice(), try await lab.enroll())
            for number in 1...Int(limit.limit) {
                let reply = try await lab.send(
                    limit.path, by: device, InklingLab.payload(of: limit, number, to: other))
                let left = limit.limit - Int64(number)
                #expect(try lab.must(reply)[limit.remaining]?.int == left)
                #expect(reply["X-RateLimit-Limit"] == "\(limit.limit)" && reply["X-RateLimit-Remaining"] == "\(left)")
                #expect(reply["X-RateLimit-Reset"] == "\(lab.clock.midnight)")
                #expect(reply["Retry-After"] == nil)
            }
            for number in 100..<103 {
                try await lab.expectRefusal("429 RATE_LIMITED") {
                    let reply = try await lab.send(
                        limit.path, by: device, InklingLab.payload(of: limit, number, to: other))
                    #expect(reply["X-RateLimit-Remaining"] == "0")
                    #expect(reply["X-RateLimit-Reset"] == "\(lab.clock.midnight)")
                    let wait = try #require(reply["Retry-After"].flatMap { Int64($0) })
                    #expect((1...lab.clock.midnight - lab.now + 1).contains(wait), "\(wait)")
                    return reply
                }
            }
        }
    }

    @Test("are each device's own, and each operation's own", arguments: TestDatabase.all)
    func apart(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two, other) = (InklingDevice(), InklingDevice(), try await lab.enroll())
            for number in 0..<20 {
                try lab.must(await lab.send("/api/plant", by: one, InklingLab.dream("\(number)")))
            }
            #expect(try await lab.send("/api/plant", by: one, InklingLab.dream("over")).status == 429)
            let mine = try lab.must(await lab.send("/api/plant", by: two, InklingLab.dream()))
            #expect(mine["remaining_dreams"] == 19)
            let card = try lab.must(await lab.send("/api/postcard", by: one, InklingLab.postcard()))
            #expect(card["remaining_postcards"] == 9)
            let note = try lab.must(await lab.send("/api/telegram", by: one, InklingLab.telegram(to: other.key)))
            #expect(note["remaining_telegrams"] == 49)
        }
    }

    @Test("don't count what was refused", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, other) = (try await lab.enroll(), try await lab.enroll())
            let message = lab.message(by: device, InklingLab.dream())
            try lab.must(await lab.post("/api/plant", message))
            try await lab.expectRefusal("401 REPLAYED") { try await lab.post("/api/plant", message) }
            for payload in [["mood": "curious"], ["content": .letters(281)], ["content": 7]] as [JSON] {
                try await lab.expectRefusal([400], payload.text()) {
                    try await lab.send("/api/plant", by: device, payload)
                }
            }
            let next = try lab.must(await lab.send("/api/plant", by: device, InklingLab.dream("next")))
            #expect(next["remaining_dreams"] == 18)
            try await lab.expectRefusal("404 DEVICE_NOT_FOUND") {
                try await lab.send("/api/telegram", by: device, InklingLab.telegram(to: InklingDevice().key))
            }
            try await lab.expectRefusal([400], "to itself") {
                try await lab.send("/api/telegram", by: device, InklingLab.telegram(to: device.key))
            }
            let note = try lab.must(await lab.send("/api/telegram", by: device, InklingLab.telegram(to: other.key)))
            #expect(note["remaining_telegrams"] == 49)
        }
    }

    @Test("begin anew with the next day of UTC, and not before", arguments: TestDatabase.all)
    func nextDay(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let end = lab.clock.midnight
            for number in 0..<20 {
                try lab.must(await lab.send("/api/plant", by: device, InklingLab.dream("\(number)")))
            }
            lab.clock.advance(by: .seconds(end - lab.now - 30))
            let refused = try await lab.send("/api/plant", by: device, InklingLab.dream("too early"))
            #expect(refused.outcome == "429 RATE_LIMITED" && refused["X-RateLimit-Reset"] == "\(end)")
            lab.clock.advance(by: .seconds(31))
            let first = try await lab.send("/api/plant", by: device, InklingLab.dream("the first"))
            #expect(try lab.must(first)["remaining_dreams"] == 19)
            #expect(first["X-RateLimit-Reset"] == "\(end + 86_400)")
        }
    }

    @Test(
        "hold to the last unit under a hundred calls at once", arguments: TestDatabase.all, InklingLab.Limit.all)
    func atOnceAtNoon(on database: TestDatabase, of limit: InklingLab.Limit) async throws {
        try await InklingLab.run(database) { lab in
            let (device, other) = (InklingDevice(), try await lab.enroll())
            let replies = try await atOnce(100) { number in
                let payload = InklingLab.payload(of: limit, number, to: other)
                return try await lab.client.post(limit.path, lab.message(by: device, payload))
            }
            let accepted = replies.filter { $0.status == 200 }
            #expect(accepted.count == Int(limit.limit), "\(Set(replies.map(\.outcome)))")
            #expect(replies.allSatisfy { $0.status == 200 || $0.outcome == "429 RATE_LIMITED" })
            let left = accepted.compactMap { $0.json[limit.remaining]?.int }
            #expect(left.sorted() == [Int64](0..<limit.limit))
            #expect(Set(accepted.compactMap { $0["X-RateLimit-Remaining"] }).count == Int(limit.limit))
        }
    }

    @Test("hold for each of two days under a hundred calls at midnight", arguments: TestDatabase.all)
    func midnight(on database: TestDatabase) async throws {
        for pause: Int64 in [30, 100, 200] {
            try await InklingLab.run(database) { lab in
                let device = try await lab.enroll()
                let end = lab.clock.midnight
                lab.clock.advance(milliseconds: end * 1_000 - pause - lab.clock.now)
                let replies = try await atOnce(100) { number in
                    // Some of them begin when the day has ended.
                    if number >= 60 { try await World.live.sleep(.milliseconds(Int(pause))) }
                    let message = lab.message(by: device, InklingLab.dream("number \(number)"))
                    return try await lab.client.post("/api/plant", message)
                }
                #expect(replies.allSatisfy { $0.status == 200 || $0.outcome == "429 RATE_LIMITED" })
                let good = replies.filter { $0.status == 200 }
                let accepted = Dictionary(grouping: good) { $0["X-RateLimit-Reset"] ?? "" }
                #expect(Set(accepted.keys).isSubset(of: ["\(end)", "\(end + 86_400)"]), "\(accepted.keys)")
                #expect(accepted["\(end + 86_400)"]?.isEmpty == false)
                for (day, replies) in accepted {
                    // Of each day the first so many, each once.
                    let left = replies.compactMap { $0.json["remaining_dreams"]?.int }.sorted(by: >)
                    #expect(left == (0..<Int64(left.count)).map { 19 - $0 }, "\(day)")
                    #expect(left.count <= 20, "\(day)")
                }
                var today = accepted["\(end + 86_400)"]?.count ?? 0
                while try await lab.send("/api/plant", by: device, InklingLab.dream("more \(today)")).status == 200 {
                    today += 1
                    try #require(today <= 20)
                }
                #expect(today == 20)
            }
        }
    }

    @Test("are one for both servers of a farm")
    func twoServers() async throws {
        let (url, clock) = (try await TestDatabase.postgres.freshURL(), TestClock.noon)
        try await InklingLab.run(.postgres, url: url, clock: clock) { here in
            try await InklingLab.run(.postgres, url: url, clock: clock) { there in
                let device = InklingDevice()
                let replies = try await atOnce(100) { number in
                    let lab = number.isMultiple(of: 2) ? here : there
                    let message = lab.message(by: device, InklingLab.dream("number \(number)"))
                    return try await lab.client.post("/api/plant", message)
                }
                #expect(replies.count { $0.status == 200 } == 20)
                #expect(replies.count { $0.outcome == "429 RATE_LIMITED" } == 80)
                for lab in [here, there] {
                    #expect(try await lab.send("/api/plant", by: device, InklingLab.dream("over")).status == 429)
                }
            }
        }
    }
}
