import API
import Bytes
import Store
import Support
import Testing

@Suite("POST /api/plant", .timeLimit(.minutes(2)))
struct DreamTests {
    @Test("is 200 with the dream's id and what is left of the day", arguments: TestDatabase.all)
    func plant(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let reply = try await lab.send("/api/plant", by: device, InklingLab.dream())
            let made = try lab.must(reply)
            #expect(made.keys == ["success", "dream_id", "remaining_dreams"])
            #expect(made["remaining_dreams"] == 19)
            #expect(reply["X-RateLimit-Remaining"] == "19" && reply["X-RateLimit-Reset"] == "\(lab.clock.midnight)")
            #expect(reply["Content-Type"] == "application/json" && reply["X-Request-ID"] != nil)
            let shown = try lab.must(await lab.get("/api/fish"))["dreams"]?.array ?? []
            #expect(shown.map { $0["id"] } == [made["dream_id"]])
        }
    }

    @Test("those of one moment are newest first as well", arguments: TestDatabase.all)
    func moment(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let texts = (1...20).map { "dream \($0)" }
            for text in texts {
                try lab.must(await lab.post("/api/plant", lab.message(by: device, InklingLab.dream(text))))
            }
            #expect(try await lab.dreams() == Array(texts.reversed()))
        }
    }

    @Test("mood and face may be absent or null, the content has 280 characters at most", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            for payload in [
                ["content": "x"], ["content": "y", "mood": .null, "face": .null], ["content": .letters(280)],
                ["content": .letters(280, "🦋")], ["content": "z", "mood": "happy"], ["content": "w", "face": "(◠‿◠)"],
            ] as [JSON] {
                let reply = try await lab.send("/api/plant", by: device, payload, .javaScript)
                #expect(reply.status == 200, "\(payload.text().prefix(60)): \(reply.text)")
            }
            let shown = try await lab.walk("/api/fish", "dreams").first { $0["content"] == "y" }
            #expect(shown?["mood"] == .null && shown?["face"] == .null)
        }
    }

    @Test("a content that is missing is 400", arguments: TestDatabase.all)
    func missing(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            for payload in [[:], ["mood": "curious"], ["content": .null]] as [JSON] {
                try await lab.expectRefusal("400 MISSING_FIELDS") {
                    try await lab.send("/api/plant", by: device, payload)
                }
            }
        }
    }

    @Test("a field that is too long, empty or no text is 400", arguments: TestDatabase.all)
    func wrong(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let good: JSON = ["content": "x"]
            for fields in [
                ["content": .letters(281)], ["content": .letters(100_000)], ["content": ""], ["content": 7],
                ["content": ["x"]], ["content": ["text": "x"]], ["content": true], ["content": "nul \u{0}"],
                ["mood": 7], ["mood": .letters(10_000)], ["face": [:]], ["face": .letters(10_000)],
            ] as [JSON] {
                try await lab.expectRefusal([400], "\(fields.text().prefix(60))") {
                    try await lab.send("/api/plant", by: device, good.with(fields))
                }
            }
            #expect(try await !lab.isKnown(device))
        }
    }

    @Test("a banned device's is 403", arguments: TestDatabase.all)
    func banned(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            try lab.must(await lab.admin("ban", device.key))
            try await lab.expectRefusal("403 DEVICE_BANNED") {
                try await lab.send("/api/plant", by: device, InklingLab.dream())
            }
            #expect(try await lab.dreams() == [])
        }
    }

    @Test("another method is 405, and names those that there are", arguments: [TestDatabase.sqlite])
    func methods(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            for (path, allowed) in [
                ("/api/plant", ["POST"]), ("/api/fish", ["GET", "POST"]), ("/api/oracle", ["GET", "POST"]),
                ("/api/telegram", ["GET", "POST"]), ("/api/telegram/inbox", ["POST"]),
                ("/api/postcard", ["GET", "POST"]), ("/api/baptism", ["GET", "POST"]),
                ("/api/lineage", ["GET", "POST"]),
            ] {
                for method in ["PUT", "DELETE", "PATCH"] + (allowed.contains("GET") ? [] : ["GET"]) {
                    let reply = try await lab.plane.send(method, path, base: "")
                    #expect(reply.status == 405, "\(method) \(path)")
                    #expect(reply.json.keys == ["error", "code"], "\(method) \(path): \(reply.text)")
                    for name in allowed { #expect(reply["Allow"]?.contains(name) == true, "\(path)") }
                }
            }
            let lost = try await lab.get("/api/telegram/nowhere")
            #expect(lost.status == 404 && lost.json.keys == ["error", "code"], "\(lost.text)")
        }
    }
}

@Suite("GET and POST /api/fish", .timeLimit(.minutes(2)))
struct FishTests {
    /// Dreams of devices of their own, the last one newest.
    private func plant(_ count: Int, _ lab: InklingLab) async throws {
        for number in 0..<count {
            try lab.must(await lab.send("/api/plant", by: InklingDevice(), InklingLab.dream("dream \(number)")))
        }
    }

    @Test("shows each dream with the fields of the seed, newest first", arguments: TestDatabase.all)
    func shape(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let empty = try lab.must(await lab.get("/api/fish"))
            #expect(empty["dreams"] == [] && empty["count"] == 0 && empty["next_cursor"] == .null)
            try await plant(3, lab)
            let page = try lab.must(await lab.get("/api/fish"))
            #expect(page.keys == ["success", "dreams", "count", "next_cursor"])
            let dreams = try #require(page["dreams"]?.array)
            #expect(page["count"] == 3 && dreams.map { $0["content"] } == ["dream 2", "dream 1", "dream 0"])
            let first = try #require(dreams.first)
            #expect(
                first.keys.isSuperset(of: [
                    "id", "content", "mood", "face", "author_name", "fish_count", "created_at",
                ]), "\(first.text())")
            #expect(first["mood"] == "curious" && first["face"] == "(◉‿◉)" && first["author_name"] == "Inkling")
            let at = try #require(first["created_at"]?.string.flatMap { RFC3339.parse($0) })
            #expect(abs(at - lab.clock.now) < 60_000)
        }
    }

    @Test("shows ten unless another number up to 50 is asked for", arguments: TestDatabase.all)
    func limit(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            try await plant(55, lab)
            for (query, count) in [("", 10), ("?limit=1", 1), ("?limit=5", 5), ("?limit=50", 50)] {
                let page = try lab.must(await lab.get("/api/fish\(query)"))
                #expect(page["dreams"]?.array?.count == count && page["count"]?.int == Int64(count), "\(query)")
            }
            for limit in ["51", "1000000", "99999999999999999999999"] {
                let page = try lab.must(await lab.get("/api/fish?limit=\(limit)"))
                #expect(page["dreams"]?.array?.count == 50 && page["next_cursor"]?.string != nil, "\(limit)")
            }
            for limit in ["0", "-1", "x", "1.5", "", "%00"] {
                try await lab.expectRefusal([400], limit) { try await lab.get("/api/fish?limit=\(limit)") }
            }
            let all = try await lab.walk("/api/fish", "dreams", limit: 7)
            #expect(all.map { $0["content"]?.string } == (0..<55).reversed().map { "dream \($0)" })
            let wrong = try await lab.get("/api/fish?cursor=nonsense")
            #expect(wrong.status == 400 && wrong.json.keys == ["error", "code"], "\(wrong.text)")
        }
    }

    @Test("each showing of a dream counts", arguments: TestDatabase.all)
    func counts(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            try await plant(2, lab)
            /// How often each has been shown, the newest first.
            func shown(_ query: String = "") async throws -> [Int64] {
                let page = try lab.must(await lab.get("/api/fish\(query)"))
                return page["dreams"]?.array?.compactMap { $0["fish_count"]?.int } ?? []
            }
            let start = try #require(try await shown().first)
            #expect(start == 1, "this time counts, too")
            let replies = try await atOnce(30) { _ in try await lab.client.get("/api/fish?limit=1") }
            #expect(replies.allSatisfy { $0.status == 200 })
            var calls: Int64 = 31
            try await eventually("all are counted") {
                let counts = try await shown()
                defer { calls += 1 }
                return counts.first == start + calls && (counts.last ?? 0) < calls
            }
            let device = InklingDevice()
            let before = try await shown()
            for _ in 0..<3 {
                lab.clock.advance(by: .seconds(1))
                try lab.must(await lab.send("/api/fish", by: device, [:]))
            }
            var more: Int64 = 4
            try await eventually("those of devices, too") {
                defer { more += 1 }
                return try await shown() == before.map { $0 + more }
            }
        }
    }

    @Test("a device sees its own dreams, too, by a signed call", arguments: TestDatabase.all)
    func signed(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            try await plant(2, lab)
            let device = InklingDevice()
            try lab.must(await lab.send("/api/plant", by: device, InklingLab.dream("my own")))
            let page = try lab.must(await lab.send("/api/fish", by: device, [:]))
            #expect(page.keys == ["success", "dreams", "count", "next_cursor"])
            #expect(page["dreams"]?.array?.map { $0["content"] } == ["my own", "dream 1", "dream 0"])
            let first = try lab.must(await lab.send("/api/fish", by: device, ["limit": 2]))
            #expect(first["count"] == 2)
            let cursor = try #require(first["next_cursor"]?.string)
            let rest = try lab.must(await lab.send("/api/fish", by: device, ["limit": 2, "cursor": .string(cursor)]))
            #expect(rest["dreams"]?.array?.map { $0["content"] } == ["dream 0"] && rest["next_cursor"] == .null)
            #expect(first["dreams"]?.array?.map { $0["is_yours"] } == [true, false])
            #expect(try await lab.send("/api/fish", by: device, ["limit": 1_000]).status == 200)
            for payload in [
                ["limit": "x"], ["limit": []], ["limit": .number("1e99")], ["limit": -5], ["limit": 0], ["cursor": 7],
                ["cursor": "nonsense"], ["content": "x"],
            ] as [JSON] {
                try await lab.expectRefusal([400], payload.text()) {
                    try await lab.send("/api/fish", by: device, payload)
                }
            }
        }
    }

    @Test("a signed call is refused as any: forged, replayed, banned", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            let message = lab.message(by: device, ["limit": 4])
            try await lab.expectRefusal("401 INVALID_SIGNATURE") { try await lab.post("/api/fish", message.forged) }
            try lab.must(await lab.post("/api/fish", message))
            try await lab.expectRefusal("401 REPLAYED") { try await lab.post("/api/fish", message) }
            try lab.must(await lab.admin("ban", device.key))
            try await lab.expectRefusal("403 DEVICE_BANNED") {
                try await lab.send("/api/fish", by: device, ["limit": 5])
            }
        }
    }
}
