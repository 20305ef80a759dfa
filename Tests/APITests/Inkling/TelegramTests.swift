import API
import Bytes
import Store
import Support
import Testing

@Suite("POST and GET /api/telegram", .timeLimit(.minutes(2)))
struct TelegramTests {
    private static let fields: Set<String> = [
        "id", "from_name", "from_public_key", "encrypted_content", "content_nonce", "sender_encryption_key",
        "created_at",
    ]

    @Test("a telegram is 200, and its recipient finds it as it was sent", arguments: TestDatabase.all)
    func send(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two, third) = (InklingDevice(), try await lab.enroll(), try await lab.enroll())
            let payload = InklingLab.telegram(to: two.key)
            let reply = try await lab.send("/api/telegram", by: one, payload)
            let made = try lab.must(reply)
            #expect(made.keys == ["success", "telegram_id", "remaining_telegrams"])
            #expect(made["remaining_telegrams"] == 49 && reply["X-RateLimit-Remaining"] == "49")
            let page = try lab.must(await lab.get("/api/telegram?public_key=\(two.key)"))
            #expect(page.keys.subtracting(["count"]) == ["success", "telegrams", "next_cursor"])
            let shown = try #require(page["telegrams"]?.array?.first)
            #expect(shown.keys.isSuperset(of: Self.fields), "\(shown.text())")
            #expect(shown["id"] == made["telegram_id"] && shown["from_name"] == "Inkling")
            #expect(shown["from_public_key"]?.string == one.key)
            #expect(shown["encrypted_content"] == payload["encrypted_content"])
            #expect(shown["content_nonce"] == payload["content_nonce"])
            #expect(shown["sender_encryption_key"] == .null)
            #expect(shown["created_at"]?.string.flatMap { RFC3339.parse($0) } != nil)
            for device in [one, third] {
                let none = try lab.must(await lab.get("/api/telegram?public_key=\(device.key)"))
                #expect(none["telegrams"] == [])
            }
        }
    }

    @Test("the sender's encryption key is kept, when there is one", arguments: TestDatabase.all)
    func encryptionKey(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two) = (InklingDevice(), try await lab.enroll())
            let key = JSON.string(SHA256.hex("an X25519 key"))
            let payload = InklingLab.telegram(to: two.key).with(["sender_encryption_key": key])
            try lab.must(await lab.send("/api/telegram", by: one, payload))
            let page = try lab.must(await lab.get("/api/telegram?public_key=\(two.key)"))
            #expect(page["telegrams"]?.array?.first?["sender_encryption_key"] == key)
        }
    }

    @Test("a field that is missing is 400", arguments: TestDatabase.all)
    func missing(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two) = (InklingDevice(), try await lab.enroll())
            let good = InklingLab.telegram(to: two.key)
            for field in ["to_public_key", "encrypted_content", "content_nonce"] {
                for payload in [good.without(field), good.with(.object([.init(field, .null)]))] {
                    try await lab.expectRefusal("400 MISSING_FIELDS") {
                        try await lab.send("/api/telegram", by: one, payload)
                    }
                }
            }
            for fields in [
                ["to_public_key": 7], ["to_public_key": "xyz"], ["encrypted_content": 7], ["content_nonce": [:]],
                ["encrypted_content": .letters(900_000, "A")], ["encrypted_content": .letters(10_001, "A")],
                ["encrypted_content": "no base64!"], ["encrypted_content": ""], ["content_nonce": .letters(129, "a")],
                ["content_nonce": "no hex"], ["content_nonce": ""], ["sender_encryption_key": 7],
                ["sender_encryption_key": .letters(129, "a")], ["sender_encryption_key": "é"], ["surprise": 1],
            ] as [JSON] {
                try await lab.expectRefusal([400], "\(fields.text().prefix(60))") {
                    try await lab.send("/api/telegram", by: one, good.with(fields))
                }
            }
            for fields in [
                ["encrypted_content": .letters(10_000, "A")], ["encrypted_content": "-_-_"],
                ["content_nonce": .letters(128, "a")], ["sender_encryption_key": .letters(128, "~")],
            ] as [JSON] {
                let reply = try await lab.send("/api/telegram", by: one, good.with(fields))
                #expect(reply.status == 200, "\(fields.text().prefix(60)): \(reply.text)")
            }
        }
    }

    @Test("an unknown recipient is 404, oneself is 400, and neither sends anything", arguments: TestDatabase.all)
    func recipients(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (known, unknown, nobody) = (try await lab.enroll(), InklingDevice(), InklingDevice())
            for sender in [known, unknown] {
                let message = lab.message(by: sender, InklingLab.telegram(to: nobody.key))
                try await lab.expectRefusal("404 DEVICE_NOT_FOUND") { try await lab.post("/api/telegram", message) }
                try await lab.expectRefusal([400], "to itself") {
                    try await lab.send("/api/telegram", by: sender, InklingLab.telegram(to: sender.key))
                }
            }
            let message = lab.message(by: known, InklingLab.telegram(to: nobody.key))
            try await lab.expectRefusal("404 DEVICE_NOT_FOUND") { try await lab.post("/api/telegram", message) }
            try lab.must(await lab.send("/api/fish", by: nobody, [:]))
            try lab.must(await lab.post("/api/telegram", message))
        }
    }

    @Test("a banned device's is 403", arguments: TestDatabase.all)
    func banned(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two) = (try await lab.enroll(), try await lab.enroll())
            try lab.must(await lab.admin("ban", one.key))
            try await lab.expectRefusal("403 DEVICE_BANNED") {
                try await lab.send("/api/telegram", by: one, InklingLab.telegram(to: two.key))
            }
        }
    }

    @Test("of a device is asked by its key: none is 400, an unknown one 404", arguments: TestDatabase.all)
    func query(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            try await lab.expectRefusal("400 MISSING_FIELDS") { try await lab.get("/api/telegram") }
            try await lab.expectRefusal("404 DEVICE_NOT_FOUND") {
                try await lab.get("/api/telegram?public_key=\(InklingDevice().key)")
            }
            for key in ["", "x", "%00", "abc123...", String(repeating: "a", count: 5_000)] {
                try await lab.expectRefusal([400, 404], key) { try await lab.get("/api/telegram?public_key=\(key)") }
            }
        }
    }

    @Test("a list goes on page by page, with each telegram once", arguments: TestDatabase.all)
    func pages(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two) = (InklingDevice(), try await lab.enroll())
            var sent: [String] = []
            for number in 0..<23 {
                let payload = InklingLab.telegram(to: two.key, Base64.encode(Array("\(number)".utf8)))
                let made = try lab.must(await lab.send("/api/telegram", by: one, payload))
                sent.append(try #require(made["telegram_id"]?.string))
            }
            let path = "/api/telegram?public_key=\(two.key)"
            let shown = try await lab.walk(path, "telegrams", limit: 5).compactMap { $0["id"]?.string }
            #expect(shown == sent.reversed())
            #expect(try await lab.get("\(path)&cursor=nonsense").status == 400)
            #expect(try await lab.get("\(path)&limit=0").status == 400)
            #expect(try await lab.get("\(path)&limit=101").status == 200)
        }
    }
}

@Suite("POST /api/telegram/inbox", .timeLimit(.minutes(2)))
struct InboxTests {
    @Test("shows a device its telegrams and marks them; an unsigned look marks nothing", arguments: TestDatabase.all)
    func inbox(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two) = (InklingDevice(), try await lab.enroll())
            func send(_ text: String) async throws -> String? {
                let payload = InklingLab.telegram(to: two.key, Base64.encode(Array(text.utf8)))
                return try lab.must(await lab.send("/api/telegram", by: one, payload))["telegram_id"]?.string
            }
            func inbox(_ payload: JSON = [:]) async throws -> [String?] {
                // No two calls of one second may be the same message.
                lab.clock.advance(by: .seconds(1))
                let page = try lab.must(await lab.send("/api/telegram/inbox", by: two, payload))
                #expect(page.keys == ["success", "telegrams", "has_more"], "\(page.text())")
                return page["telegrams"]?.array?.map { $0["id"]?.string } ?? []
            }
            let path = "/api/telegram?public_key=\(two.key)"
            let (first, second) = (try await send("one"), try await send("two"))
            for _ in 0..<2 {
                let before = try await DatabaseContents.read(lab.database)
                #expect(try await lab.walk(path, "telegrams").count == 2)
                #expect(try await DatabaseContents.read(lab.database).differences(from: before) == [])
            }
            // The oldest first, as a device reads them; the list has the newest first.
            #expect(try await inbox() == [first, second])
            #expect(try await inbox() == [])
            let third = try await send("three")
            #expect(try await inbox() == [third])
            #expect(try await lab.walk(path, "telegrams").map { $0["id"]?.string } == [third, second, first])
            let more = [try await send("four"), try await send("five"), try await send("six")]
            #expect(try await inbox(["limit": 2]) == Array(more.prefix(2)))
            #expect(try await inbox(["limit": 2]) == Array(more.suffix(1)))
        }
    }

    @Test("is the signer's own, and nobody else's is marked", arguments: TestDatabase.all)
    func own(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two, third) = (InklingDevice(), try await lab.enroll(), try await lab.enroll())
            try lab.must(await lab.send("/api/telegram", by: one, InklingLab.telegram(to: two.key)))
            lab.clock.advance(by: .seconds(1))
            #expect(try lab.must(await lab.send("/api/telegram/inbox", by: third, [:]))["telegrams"] == [])
            let named: JSON = ["public_key": .string(two.key)]
            let other = try await lab.send("/api/telegram/inbox", by: third, named)
            #expect(other.status == 400 || other.json["telegrams"] == [], "\(other.text)")
            let mine = try lab.must(await lab.send("/api/telegram/inbox", by: two, [:]))
            #expect(mine["telegrams"]?.array?.count == 1)
        }
    }

    @Test("is refused unsigned, forged, replayed or banned, and marks nothing then", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two) = (InklingDevice(), try await lab.enroll())
            try lab.must(await lab.send("/api/telegram", by: one, InklingLab.telegram(to: two.key)))
            lab.clock.advance(by: .seconds(1))
            let message = lab.message(by: two, [:])
            try await lab.expectRefusal("400 MISSING_FIELDS") { try await lab.post("/api/telegram/inbox", [:]) }
            try await lab.expectRefusal("401 INVALID_SIGNATURE") {
                try await lab.post("/api/telegram/inbox", message.forged)
            }
            try lab.must(await lab.admin("ban", two.key))
            try await lab.expectRefusal("403 DEVICE_BANNED") { try await lab.post("/api/telegram/inbox", message) }
            try lab.must(await lab.admin("unban", two.key))
            let page = try lab.must(await lab.post("/api/telegram/inbox", message))
            #expect(page["telegrams"]?.array?.count == 1)
            try await lab.expectRefusal("401 REPLAYED") { try await lab.post("/api/telegram/inbox", message) }
        }
    }

    @Test("gives each telegram to one of many calls at once", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two) = (InklingDevice(), try await lab.enroll())
            for number in 0..<8 {
                let text = Base64.encode(Array("\(number)".utf8))
                try lab.must(await lab.send("/api/telegram", by: one, InklingLab.telegram(to: two.key, text)))
            }
            let replies = try await atOnce(20) { number in
                let message = lab.message(by: two, ["limit": 3], in: Int64(number) - 30)
                return try await lab.client.post("/api/telegram/inbox", message)
            }
            #expect(replies.allSatisfy { $0.status == 200 }, "\(Set(replies.map(\.outcome)))")
            let ids = replies.flatMap { $0.json["telegrams"]?.array?.compactMap { $0["id"]?.string } ?? [] }
            #expect(ids.count == 8 && Set(ids).count == 8)
        }
    }
}
