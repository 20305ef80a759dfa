import API
import Bytes
import Engine
import Logging
import Store
import Support
import Testing

@Suite("WS /ws/inkling", .timeLimit(.minutes(3)))
struct InklingSocketTests {
    @Test("a signed hello is greeted, in every form, and registers an unknown device", arguments: TestDatabase.all)
    func hello(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            for form in SignedForm.allCases {
                let fresh = try await lab.nonce()
                for nonce in [nil, fresh] {
                    let device = InklingDevice()
                    let (_, greeting) = try await lab.listen(device, nonce: nonce, form)
                    #expect(greeting.keys == ["type", "public_key", "position", "oldest"], "\(greeting.text())")
                    #expect(greeting["public_key"]?.string == device.key && greeting["position"] == 0)
                    #expect(try await lab.isKnown(device))
                }
            }
        }
    }

    @Test("a new telegram or postcard is pushed as the lists show it, to its recipient", arguments: TestDatabase.all)
    func push(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (sender, device, other) = (InklingDevice(), try await lab.enroll(), try await lab.enroll())
            let (socket, second) = (try await lab.listen(device).socket, try await lab.listen(device).socket)
            let stranger = try await lab.listen(other).socket
            var sent: [String] = []
            for (index, kind) in ["telegram", "postcard", "telegram", "postcard"].enumerated() {
                sent.append(try await lab.mail(kind, Int64(index + 1), from: sender, to: device))
            }
            try lab.must(await lab.send("/api/postcard", by: sender, InklingLab.postcard()))
            let first = try await socket.next()
            #expect(first.keys == ["type", "position", "telegram"], "\(first.text())")
            let rest = try await socket.mail(3)
            #expect([first.mail] + rest == sent)
            #expect(try await second.mail(4) == sent)
            let listed = try await lab.walk("/api/telegram?public_key=\(device.key)", "telegrams")
            #expect(listed.last == first["telegram"], "\(first.text())")
            let theirs = try await lab.mail("postcard", 1, from: sender, to: other)
            #expect(try await stranger.mail(1) == [theirs])
            // Nothing is marked read by it.
            let inbox = try lab.must(await lab.send("/api/telegram/inbox", by: device, [:]))
            #expect(inbox["telegrams"]?.array?.count == 2)
        }
    }

    @Test("a device goes on where it was, and is told what is gone", arguments: TestDatabase.all)
    func since(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (sender, device) = (InklingDevice(), try await lab.enroll())
            var sent: [String] = []
            for position in 1...6 {
                let kind = position.isMultiple(of: 2) ? "postcard" : "telegram"
                sent.append(try await lab.mail(kind, Int64(position), from: sender, to: device))
            }
            let fresh = try await lab.listen(device)
            #expect(fresh.greeting["position"] == 6 && fresh.greeting["oldest"] == 1)
            for since: Int64 in [0, 2, 5] {
                let (socket, greeting) = try await lab.listen(device, since: since)
                #expect(greeting["oldest"] == 1)
                #expect(try await socket.mail(6 - Int(since)) == Array(sent.dropFirst(Int(since))), "\(since)")
            }
            sent.append(try await lab.mail("telegram", 7, from: sender, to: device))
            #expect(try await fresh.socket.mail(1) == [sent[6]])
            let (late, _) = try await lab.listen(device, since: 6)
            #expect(try await late.mail(1) == [sent[6]])
        }
    }

    @Test("many that are sent at once all come, each once, in order of their positions", arguments: TestDatabase.all)
    func many(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            let (socket, _) = try await lab.listen(device)
            let replies = try await atOnce(40) { number in
                let payload = InklingLab.telegram(to: device.key, Base64.encode(Array("\(number)".utf8)))
                return try await lab.client.post("/api/telegram", lab.message(by: InklingDevice(), payload))
            }
            #expect(replies.allSatisfy { $0.status == 200 })
            var (positions, ids): ([Int64?], Set<String?>) = ([], [])
            for _ in 0..<40 {
                let message = try await socket.next()
                positions.append(message["position"]?.int)
                ids.insert(message["telegram"]?["id"]?.string)
            }
            #expect(positions.compactMap(\.self) == (1...40).map { Int64($0) })
            #expect(ids == Set(replies.map { $0.json["telegram_id"]?.string }))
        }
    }

    @Test("a hello that is unsigned, forged, old or none is told so and closed with 1008", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (known, unknown) = (try await lab.enroll(), InklingDevice())
            lab.clock.advance(by: .seconds(1))
            for device in [known, unknown] {
                let message = lab.message(by: device, InklingSocket.payload())
                let hello = InklingSocket.hello(message)
                let texts: [(String, String?)] = [
                    (hello.forged.text(), "INVALID_SIGNATURE"), (hello.without("signature").text(), "MISSING_FIELDS"),
                    (hello.without("payload").text(), "MISSING_FIELDS"), (message.text(), nil), ("{", nil), ("[]", nil),
                    (hello.with(["type": "telegram"]).text(), nil), (#"{"type":"hello"}"#, "MISSING_FIELDS"),
                    (InklingSocket.hello(lab.message(by: device, [:])).text(), nil),
                    (InklingSocket.hello(lab.message(by: device, InklingLab.dream())).text(), nil),
                    (
                        InklingSocket.hello(lab.message(by: device, InklingSocket.payload(), in: -400)).text(),
                        "SIGNATURE_EXPIRED"
                    ),
                    (hello.with(["nonce": .string(String(repeating: "0", count: 64))]).text(), "INVALID_NONCE"),
                ]
                let before = try await DatabaseContents.read(lab.database)
                for (text, code) in texts {
                    let socket = try await InklingSocket.open(lab)
                    try await socket.send(text: text)
                    let told = try await socket.closed()
                    #expect(!told.contains { $0["type"] == "connected" }, "\(text)")
                    if let code { #expect(told.last?["code"]?.string == code, "\(text): \(told.map { $0.text() })") }
                }
                #expect(try await DatabaseContents.read(lab.database).differences(from: before) == [])
            }
            #expect(try await !lab.isKnown(unknown))
        }
    }

    @Test("a hello is good once, and shares that with all other signed calls", arguments: TestDatabase.all)
    func replayed(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            lab.clock.advance(by: .seconds(1))
            let nonce = try await lab.nonce()
            let hello = InklingSocket.hello(lab.message(by: device, InklingSocket.payload(), nonce: nonce))
            let open = try await InklingSocket.open(lab)
            try await open.send(hello)
            #expect(try await open.next()["type"] == "connected")
            for again in [hello, hello.without("nonce")] {
                let socket = try await InklingSocket.open(lab)
                try await socket.send(again)
                #expect(try await socket.closed().last?["code"] == "REPLAYED")
            }
            lab.clock.advance(by: .seconds(1))
            let other = InklingSocket.hello(lab.message(by: device, InklingSocket.payload(), nonce: nonce))
            let socket = try await InklingSocket.open(lab)
            try await socket.send(other)
            #expect(try await socket.closed().last?["code"] == "INVALID_NONCE")
            // The one that was accepted is still open.
            let sent = try await lab.mail("telegram", 1, from: InklingDevice(), to: device)
            #expect(try await open.mail(1) == [sent])
        }
    }

    @Test("one hello fifty times at once opens one socket", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            lab.clock.advance(by: .seconds(1))
            let hello = InklingSocket.hello(lab.message(by: device, InklingSocket.payload()))
            let greetings = try await atOnce(50) { _ in
                let socket = try await InklingSocket.open(lab)
                try await socket.send(hello)
                return try await socket.next()
            }
            #expect(greetings.count { $0["type"] == "connected" } == 1)
            #expect(greetings.count { $0["code"] == "REPLAYED" } == 49)
        }
    }

    @Test("a ban closes the device's sockets with 1008, and opens none", arguments: TestDatabase.all)
    func banned(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, other) = (try await lab.enroll(), try await lab.enroll())
            let open = [try await lab.listen(device).socket, try await lab.listen(device).socket]
            let neighbour = try await lab.listen(other).socket
            try lab.must(await lab.admin("ban", device.key))
            for socket in open { try await socket.closed() }
            lab.clock.advance(by: .seconds(1))
            let hello = InklingSocket.hello(lab.message(by: device, InklingSocket.payload()))
            let socket = try await InklingSocket.open(lab)
            try await socket.send(hello)
            #expect(try await socket.closed().last?["code"] == "DEVICE_BANNED")
            let sent = try await lab.mail("telegram", 1, from: InklingDevice(), to: other)
            #expect(try await neighbour.mail(1) == [sent])
            try lab.must(await lab.admin("unban", device.key))
            let again = try await InklingSocket.open(lab)
            try await again.send(hello)
            #expect(try await again.next()["type"] == "connected", "a refused hello isn't spent")
        }
    }

    @Test("a device has five sockets at one server", arguments: TestDatabase.all)
    func five(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, other) = (try await lab.enroll(), try await lab.enroll())
            var open: [InklingSocket] = []
            for _ in 0..<5 { open.append(try await lab.listen(device).socket) }
            lab.clock.advance(by: .seconds(1))
            let hello = InklingSocket.hello(
                lab.message(by: device, InklingSocket.payload(), nonce: try await lab.nonce()))
            let before = try await DatabaseContents.read(lab.database)
            for _ in 0..<2 {
                let sixth = try await InklingSocket.open(lab)
                try await sixth.send(hello)
                let told = try await sixth.closed()
                #expect(told.map { $0["code"] } == ["TOO_MANY_SOCKETS"], "\(told)")
            }
            #expect(try await DatabaseContents.read(lab.database).differences(from: before) == [])
            _ = try await lab.listen(other)
            let sent = try await lab.mail("telegram", 1, from: other, to: device)
            for socket in open { #expect(try await socket.mail(1) == [sent]) }
            // With a seat that is free again the refused hello is as good as before.
            try await open.removeLast().leave()
            try await eventually("the seat is free", within: .seconds(10)) {
                let again = try await InklingSocket.open(lab)
                try await again.send(hello)
                return try await again.next()["type"] == "connected"
            }
        }
    }

    @Test("what is sent at one server reaches the socket at another, and so does a ban")
    func twoServers() async throws {
        let (url, clock) = (try await TestDatabase.postgres.freshURL(), TestClock.noon)
        try await InklingLab.run(.postgres, url: url, clock: clock) { here in
            try await InklingLab.run(.postgres, url: url, clock: clock) { there in
                // Schedulers carry what is woken from one process to the other.
                let schedulers = [here, there].map { lab in
                    Task {
                        let broker = lab.plane.dependencies.broker
                        await Scheduler(broker, world: .live, logger: Logger(label: "test")).run()
                    }
                }
                defer { for scheduler in schedulers { scheduler.cancel() } }
                let device = try await here.enroll()
                let (socket, _) = try await there.listen(device)
                for position: Int64 in 1...3 {
                    let sent = try await here.mail("telegram", position, from: InklingDevice(), to: device)
                    #expect(try await socket.mail(1) == [sent])
                }
                try here.must(await here.admin("ban", device.key))
                try await socket.closed()
            }
        }
    }
}

@Suite("WS /ws/inkling: a silent client", .timeLimit(.minutes(1)), .tags(.timed))
struct InklingSilenceTests {
    @Test("one who says nothing is closed after ten seconds")
    func silent() async throws {
        try await InklingLab.run(.sqlite) { lab in
            let start = World.live.monotonic()
            let socket = try await InklingSocket.open(lab)
            try await socket.closed()
            #expect((8_000..<14_000).contains(World.live.monotonic() - start))
        }
    }
}
