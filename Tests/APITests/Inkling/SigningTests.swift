import API
import Bytes
import Store
import Support
import Testing

@Suite("Inkling: signed calls", .timeLimit(.minutes(3)))
struct SigningTests {
    /// Floats, nulls, nested objects, letters beyond ASCII and beyond 16 bits, and everything that is escaped.
    private static func birth(of child: InklingDevice) -> JSON {
        InklingLab.birth(of: child, "Sparklet 🦋 \"é\" \\ / \n\t\u{1}\u{7F}\u{2028}")
    }

    @Test("each form is accepted, at each endpoint that is signed", arguments: TestDatabase.all)
    func forms(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let other = try await lab.enroll()
            for form in SignedForm.allCases {
                for nonce in [false, true] {
                    let device = InklingDevice()
                    let calls: [(String, JSON)] = [
                        ("/api/plant", InklingLab.dream()), ("/api/fish", ["limit": 3]), ("/api/telegram/inbox", [:]),
                        ("/api/telegram", InklingLab.telegram(to: other.key)), ("/api/postcard", InklingLab.postcard()),
                        ("/api/baptism", ["action": "request", "message": "I want to join! (◠‿◠)"]),
                        ("/api/lineage", Self.birth(of: InklingDevice())),
                    ]
                    for (path, payload) in calls {
                        let spent = try await nonce ? lab.nonce() : nil
                        let reply = try await lab.send(path, by: device, payload, form, nonce: spent)
                        #expect(reply.status == 200, "\(path) \(form) \(nonce): \(reply.text)")
                        #expect(reply.json["success"] == true, "\(path)")
                    }
                }
            }
        }
    }

    @Test("a missing field of the envelope is 400, also where it is null", arguments: TestDatabase.all)
    func missing(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let whole = lab.message(by: device, InklingLab.dream())
            for field in ["payload", "timestamp", "hardware_hash", "public_key", "signature"] {
                for body in [whole.without(field), whole.with(.object([.init(field, .null)]))] {
                    try await lab.expectRefusal("400 MISSING_FIELDS") { try await lab.post("/api/plant", body) }
                }
            }
            #expect(try await !lab.isKnown(device))
            try lab.must(await lab.post("/api/plant", whole))
        }
    }

    @Test("what is no message is 400, at each endpoint that is signed", arguments: TestDatabase.all)
    func malformed(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let good = lab.message(by: device, [:])
            let deep = String(repeating: "[", count: 5_000) + String(repeating: "]", count: 5_000)
            let texts = [
                "", "{", "[]", "null", "1", "\"x\"", good.text() + "x", good.text() + good.text(),
                "\u{FEFF}\(good.text())",
                #"{"payload":\#(deep)}"#, good.with(["payload": []]).text(), good.with(["payload": "x"]).text(),
                good.with(["payload": 1]).text(), good.with(["timestamp": "now"]).text(),
                good.with(["timestamp": .number("1e400")]).text(),
                good.with(["timestamp": .number("99999999999999999999999999")]).text(),
                good.with(["timestamp": .number("-1")]).text(), good.with(["timestamp": true]).text(),
                good.with(["hardware_hash": 7]).text(), good.with(["public_key": [:]]).text(),
                good.with(["signature": false]).text(), good.with(["nonce": 7]).text(),
            ]
            for path in [
                "/api/plant", "/api/fish", "/api/telegram", "/api/telegram/inbox", "/api/postcard", "/api/baptism",
                "/api/lineage", "/api/oracle",
            ] {
                for text in texts {
                    // A timestamp far away may be told to be one.
                    let statuses: Set<Int> = text.contains("\"timestamp\":-1") ? [400, 401] : [400]
                    try await lab.expectRefusal(statuses, "\(path) \(text.prefix(300))") {
                        try await lab.post(path, text: text)
                    }
                }
            }
            let large = "{\"payload\":\"\(String(repeating: "x", count: 2 << 20))\"}"
            #expect(try await [400, 413].contains(lab.post("/api/plant", text: large).status))
        }
    }

    @Test("a hash of 16 to 128 hex digits is taken, any other refused", arguments: TestDatabase.all)
    func hashes(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            for count in [16, 17, 127, 128] {
                let device = InklingDevice().with(hash: String(repeating: "a", count: count))
                try lab.must(await lab.send("/api/plant", by: device, InklingLab.dream()))
            }
            for hash in [
                "", "a", String(repeating: "a", count: 15), String(repeating: "a", count: 129),
                String(repeating: "a", count: 100_000), String(repeating: "g", count: 16), "0x" + "0123456789abcdef",
                "0123456789abcdef ", "0123456789abcdé", "٠١٢٣٤٥٦٧٨٩٠١٢٣٤٥", "ａｂｃｄｅｆ０１２３４５６７８９",
            ] {
                let device = InklingDevice().with(hash: hash)
                try await lab.expectRefusal([400], "\(hash.prefix(40))") {
                    try await lab.send("/api/plant", by: device, InklingLab.dream())
                }
            }
        }
    }

    @Test("a device keeps the hash that it came with first", arguments: TestDatabase.all)
    func otherHash(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            let elsewhere = device.with(hash: SHA256.hex("another box"))
            try await lab.expectRefusal([401], "another hash") {
                try await lab.send("/api/plant", by: elsewhere, InklingLab.dream())
            }
            let nonce = try await lab.nonce()
            try await lab.expectRefusal([401], "another hash, with a nonce") {
                try await lab.send("/api/plant", by: elsewhere, InklingLab.dream(), nonce: nonce)
            }
            try lab.must(await lab.send("/api/plant", by: device, InklingLab.dream(), nonce: nonce))
        }
    }

    @Test("a clock may be five minutes off either way, and no more", arguments: TestDatabase.all)
    func skew(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            for seconds: Int64 in [-290, -1, 0, 1, 300] {
                let message = lab.message(by: InklingDevice(), InklingLab.dream(), in: seconds)
                #expect(try await lab.post("/api/plant", message).status == 200, "\(seconds)")
            }
            let now = lab.now
            for seconds: Int64 in [-86_400, -301, 310, 86_400, -now, 9_999_990_000 - now] {
                let message = lab.message(by: InklingDevice(), InklingLab.dream(), in: seconds)
                // Of other than ten digits it is no timestamp at all.
                let statuses: Set<Int> = seconds == -now ? [400, 401] : [401]
                try await lab.expectRefusal(statuses, "\(seconds)") { try await lab.post("/api/plant", message) }
            }
            let old = lab.message(by: InklingDevice(), InklingLab.dream(), in: -400)
            try await lab.expectRefusal("401 SIGNATURE_EXPIRED") { try await lab.post("/api/plant", old) }
            let early = lab.message(by: InklingDevice(), InklingLab.dream(), in: 400)
            try await lab.expectRefusal("401 SIGNATURE_EXPIRED") { try await lab.post("/api/plant", early) }
        }
    }

    @Test("a signature that doesn't hold is 401, whoever is said to have made it", arguments: TestDatabase.all)
    func forged(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (known, unknown) = (try await lab.enroll(), InklingDevice())
            for device in [known, unknown] {
                for (path, payload) in [
                    ("/api/plant", InklingLab.dream()), ("/api/fish", [:]), ("/api/telegram/inbox", [:]),
                    ("/api/postcard", InklingLab.postcard()), ("/api/baptism", ["action": "request"]),
                    ("/api/lineage", InklingLab.birth(of: InklingDevice())),
                    ("/api/telegram", InklingLab.telegram(to: known.key)),
                    ("/api/telegram", InklingLab.telegram(to: InklingDevice().key)),
                    ("/api/oracle", ["messages": [["role": "user", "content": "Hello!"]]]),
                ] as [(String, JSON)] {
                    let message = lab.message(by: device, payload).forged
                    try await lab.expectRefusal("401 INVALID_SIGNATURE") { try await lab.post(path, message) }
                }
            }
        }
    }

    @Test("a field that is too long is told before the signature is looked at", arguments: TestDatabase.all)
    func order(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let long = lab.message(by: device, ["content": .letters(281)]).forged
            try await lab.expectRefusal([400], "too long and forged") { try await lab.post("/api/plant", long) }
            let missing = lab.message(by: device, ["mood": "curious"]).forged
            try await lab.expectRefusal("400 MISSING_FIELDS") { try await lab.post("/api/plant", missing) }
        }
    }

    @Test("a dream's message is good for no other endpoint, and isn't spent there", arguments: TestDatabase.all)
    func bound(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            let message = lab.message(by: device, InklingLab.dream())
            for path in [
                "/api/fish", "/api/telegram", "/api/telegram/inbox", "/api/postcard", "/api/baptism", "/api/lineage",
                "/api/oracle",
            ] {
                try await lab.expectRefusal([400], path) { try await lab.post(path, message) }
            }
            try lab.must(await lab.post("/api/plant", message))
        }
    }

    @Test("hex in capitals is the same device and the same message", arguments: TestDatabase.all)
    func capitals(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let message = lab.message(by: device, InklingLab.dream())
            let loud = message.with([
                "public_key": .string(device.key.uppercased()),
                "signature": .string(message["signature"]?.string?.uppercased() ?? ""),
            ])
            let first = try await lab.post("/api/plant", loud)
            #expect(first.status == 200, "\(first.text)")
            try await lab.expectRefusal("401 REPLAYED") { try await lab.post("/api/plant", message) }
            try await lab.expectRefusal("401 REPLAYED") { try await lab.post("/api/plant", loud) }
            for key in [device.key, device.key.uppercased()] {
                let reply = try await lab.get("/api/lineage?public_key=\(key)")
                #expect(reply.status == 200, "\(key)")
            }
            let other = lab.message(by: device, InklingLab.dream("another"))
            #expect(try lab.must(await lab.post("/api/plant", other))["remaining_dreams"] == 18)
        }
    }

    @Test("an unknown device is registered by its first call", arguments: TestDatabase.all)
    func registered(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            #expect(try await !lab.isKnown(device))
            try lab.must(await lab.send("/api/plant", by: device, InklingLab.dream()))
            let lineage = try lab.must(await lab.get("/api/lineage?public_key=\(device.key)"))["lineage"]
            #expect(lineage?["name"] == "Inkling" && lineage?["generation"] == 0)
            #expect(lineage?["parent"] == .null && lineage?["children_count"] == 0)
        }
    }
}
