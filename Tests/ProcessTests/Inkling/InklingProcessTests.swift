import Bytes
import Support
import Testing

/// A device that calls servers as processes; each call comes from an address of its own.
struct CallingDevice: Sendable {
    let device: InklingDevice

    init(_ device: InklingDevice = InklingDevice()) { self.device = device }

    /// What servers are told to believe of addresses.
    static let environment = ["TRUST_PROXY_HEADERS": "true"]

    static var address: [(name: String, value: String)] {
        let bytes = World.live.random(3)
        return [("X-Forwarded-For", "10.\(bytes[0]).\(bytes[1]).\(bytes[2])")]
    }

    func message(_ payload: JSON, nonce: String? = nil) -> JSON {
        device.message(payload, at: World.live.now() / 1_000, nonce: nonce)
    }

    /// Sends a message that was signed.
    static func post(_ path: String, _ message: JSON, to server: FarmServer) async throws -> FarmReply {
        try await FarmClient(server.url).post(path, message, address)
    }

    func send(_ path: String, _ payload: JSON, to server: FarmServer) async throws -> FarmReply {
        try await Self.post(path, message(payload), to: server)
    }

    func dream(_ content: String, to server: FarmServer) async throws -> FarmReply {
        try await send("/api/plant", ["content": .string(content)], to: server)
    }

    static func get(_ path: String, from server: FarmServer) async throws -> FarmReply {
        try await FarmClient(server.url, address).get(path)
    }
}

extension FarmServer {
    /// All dreams, newest first; at most 50.
    func dreams() async throws -> [String] {
        try await CallingDevice.get("/api/fish?limit=50", from: self).expecting(200).json["dreams"]?.array?
            .compactMap { $0["content"]?.string } ?? []
    }
}

@Suite("Inkling by real processes", .serialized, .timeLimit(.minutes(5)), .tags(.timed))
struct InklingProcessTests {
    /// Two servers on one PostgreSQL.
    private func run(_ body: (FarmServer, FarmServer) async throws -> Void) async throws {
        let url = try await TestDatabase.postgres.freshURL()
        try await Farm.run(at: url, environment: CallingDevice.environment) { farm in
            let second = FarmServer(database: url, environment: CallingDevice.environment)
            do {
                try await second.start()
                try await body(farm.server, second)
            } catch {
                try await second.kill()
                throw FarmFailure(error: error, log: second.log)
            }
            try await second.kill()
            #expect(second.complaints.isEmpty)
        }
    }

    @Test("one message fifty times at once over two servers counts once, also when one of them dies and comes back")
    func replay() async throws {
        try await run { first, second in
            let device = CallingDevice()
            var messages: [JSON] = []
            for round in 0..<4 {
                let message = device.message(["content": .string("round \(round)")])
                messages.append(message)
                let replies = try await atOnce(50) { number in
                    try await CallingDevice.post(
                        "/api/plant", message, to: number.isMultiple(of: 2) ? first : second)
                }
                #expect(replies.count { $0.status == 200 } == 1, "\(replies.map(\.status))")
                #expect(replies.allSatisfy { [200, 401].contains($0.status) })
            }
            try await first.kill()
            try await first.start()
            for message in messages {
                let replies = try await atOnce(50) { number in
                    try await CallingDevice.post(
                        "/api/plant", message, to: number.isMultiple(of: 2) ? first : second)
                }
                #expect(replies.allSatisfy { $0.json["code"] == "REPLAYED" }, "\(replies.map(\.text))")
            }
            #expect(try await first.dreams() == (0..<4).reversed().map { "round \($0)" })
            #expect(try await device.dream("the next", to: second).expecting(200).json["remaining_dreams"] == 15)
        }
    }

    @Test("a message in flight while the server is killed counts once in the end", arguments: TestDatabase.all)
    func crash(on database: TestDatabase) async throws {
        try await Farm.run(on: database, environment: CallingDevice.environment) { farm in
            for round in 0..<5 {
                let device = CallingDevice()
                let message = device.message(["content": .string("round \(round)")])
                async let replies = atOnce(50) { _ in
                    try? await CallingDevice.post("/api/plant", message, to: farm.server)
                }
                try await World.live.sleep(.milliseconds(3 * round))
                try await farm.server.kill()
                let before = try await replies.compactMap { $0 }
                try await farm.server.start()
                let after = try await atOnce(20) { _ in
                    try await CallingDevice.post("/api/plant", message, to: farm.server)
                }
                let accepted = (before + after).filter { $0.status == 200 }
                // The answer to the accepted one may have been lost.
                #expect(accepted.count <= 1)
                #expect(try await farm.server.dreams().count { $0 == "round \(round)" } == 1)
                let next = try await device.dream("after \(round)", to: farm.server).expecting(200)
                #expect(next.json["remaining_dreams"] == 18)
            }
        }
    }

    @Test("a hundred calls at once over two servers come to the limit exactly")
    func limits() async throws {
        try await run { first, second in
            try await awayFromMidnight()
            let device = CallingDevice()
            let replies = try await atOnce(100) { number in
                try await device.dream("number \(number)", to: number.isMultiple(of: 2) ? first : second)
            }
            #expect(replies.count { $0.status == 200 } == 20, "\(replies.map(\.status))")
            #expect(replies.count { $0.json["code"] == "RATE_LIMITED" } == 80)
            #expect(Set(replies.compactMap { $0.json["remaining_dreams"]?.int }) == Set<Int64>(0..<20))
        }
    }

    /// Waits until the day has at least two minutes left.
    private func awayFromMidnight() async throws {
        let left = 86_400_000 - World.live.now() % 86_400_000
        if left < 120_000 { try await World.live.sleep(.milliseconds(left + 1_000)) }
    }

    @Test("genesis keys are verified from the start, and stay so without being named", arguments: TestDatabase.all)
    func genesis(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        let (one, two, other) = (CallingDevice(), CallingDevice(), CallingDevice())
        let keys = "\(one.device.key),\(two.device.key.uppercased())"
        let environment = CallingDevice.environment
        try await Farm.run(at: url, environment: environment.merging(["INKLING_GENESIS_KEYS": keys]) { $1 }) { farm in
            for key in [one.device.key, two.device.key] {
                let state = try await CallingDevice.get("/api/baptism?public_key=\(key)", from: farm.server)
                    .expecting(200).json
                #expect(state["is_verified"] == true && state["status"] == "baptized")
            }
            _ = try await other.dream("I am here", to: farm.server).expecting(200)
            let endorse: JSON = ["action": "endorse", "target_public_key": .string(other.device.key)]
            let reply = try await one.send("/api/baptism", endorse, to: farm.server).expecting(200)
            #expect(reply.json["endorsement_count"] == 1)
            let backwards: JSON = ["action": "endorse", "target_public_key": .string(one.device.key)]
            let refused = try await other.send("/api/baptism", backwards, to: farm.server)
            #expect(refused.status == 403 && refused.json["code"] == "NOT_VERIFIED")
        }
        try await Farm.run(at: url, environment: environment) { farm in
            let endorse: JSON = ["action": "endorse", "target_public_key": .string(other.device.key)]
            let reply = try await two.send("/api/baptism", endorse, to: farm.server).expecting(200)
            #expect(reply.json["endorsement_count"] == 2)
        }
    }

    @Test("a server with a genesis key that is none doesn't start")
    func noGenesis() async throws {
        for keys in ["abc", String(repeating: "g", count: 64), String(repeating: "a", count: 63)] {
            let server = FarmServer(
                database: try await TestDatabase.sqlite.freshURL(), environment: ["INKLING_GENESIS_KEYS": keys])
            let child = try await server.launch()
            let ending = try await child.end(within: .seconds(60))
            #expect(ending != .exited(0) && child.errors.contains("INKLING_GENESIS_KEYS"), "\(child.errors)")
        }
    }

    @Test("one address registers so many devices a day, and no more", arguments: TestDatabase.all)
    func registrations(on database: TestDatabase) async throws {
        let environment = CallingDevice.environment.merging(["INKLING_DEVICES_PER_ADDRESS": "3"]) { $1 }
        try await Farm.run(on: database, environment: environment) { farm in
            try await awayFromMidnight()
            let client = FarmClient(farm.server.url, [("X-Forwarded-For", "192.0.2.1")])
            let devices = (0..<6).map { _ in CallingDevice() }
            var statuses: [Int] = []
            for device in devices {
                statuses.append(try await client.post("/api/plant", device.message(["content": "first"])).status)
            }
            #expect(statuses == [200, 200, 200, 429, 429, 429])
            // Those that are known go on, and others come from elsewhere.
            for device in devices.prefix(3) {
                _ = try await client.post("/api/plant", device.message(["content": "second"])).expecting(200)
            }
            _ = try await devices[5].dream("from elsewhere", to: farm.server).expecting(200)
            #expect(try await farm.server.dreams().count == 7)
        }
    }

    @Test("the operator bans and blesses by command, and running servers know", arguments: TestDatabase.all)
    func commands(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        /// How `hatchfarm admin inkling …` ends.
        func admin(_ arguments: String...) async throws -> ChildProcess.Ending {
            let child = try await ChildProcess(
                FarmServer.program, ["admin", "inkling"] + arguments, environment: ["DATABASE_URL": url])
            return try await child.end(within: .seconds(60))
        }
        try await Farm.run(at: url, environment: CallingDevice.environment) { farm in
            let device = CallingDevice()
            _ = try await device.dream("before", to: farm.server).expecting(200)
            #expect(try await admin("ban", device.device.key) == .exited(0))
            #expect(try await device.dream("banned", to: farm.server).json["code"] == "DEVICE_BANNED")
            #expect(try await admin("unban", device.device.key) == .exited(0))
            _ = try await device.dream("after", to: farm.server).expecting(200)
            #expect(try await admin("bless", device.device.key.uppercased()) == .exited(0))
            let state = try await CallingDevice.get("/api/baptism?public_key=\(device.device.key)", from: farm.server)
            #expect(state.json["is_verified"] == true)
            #expect(try await admin("ban", InklingDevice().key) != .exited(0))
            #expect(try await admin("ban", "abc") != .exited(0))
        }
    }

    @Test("the oracle is configured by the environment, and no key of it is logged", arguments: TestDatabase.all)
    func oracle(on database: TestDatabase) async throws {
        let upstream = try TestUpstream()
        let (first, second) = ("sk-ant-secret-of-the-first", "sk-secret-of-the-other")
        let environment = CallingDevice.environment.merging([
            "ANTHROPIC_API_KEY": first, "ANTHROPIC_BASE_URL": upstream.url, "OPENAI_API_KEY": second,
            "OPENAI_BASE_URL": "\(upstream.url)/v1", "ORACLE_TIMEOUT_SECONDS": "3", "HATCHFARM_LOG": "debug",
        ]) { $1 }
        try await Farm.run(on: database, environment: environment) { farm in
            let device = CallingDevice()
            func ask(_ text: String) async throws -> FarmReply {
                let messages: JSON = ["messages": [["role": "user", "content": .string(text)]]]
                return try await device.send("/api/oracle", messages, to: farm.server)
            }
            #expect(try await ask("my secret: Hello!").expecting(200).json["response"] == "the anthropic answer")
            let other = try await ask("anthropic=hang my secret").expecting(200)
            #expect(other.json["response"] == "the openai answer" && other.json["remaining_calls"] == 98)
            let none = try await ask("anthropic=cut openai=status:401 my secret")
            #expect(none.status == 503 && none.json["code"] == "ORACLE_UNAVAILABLE")
            #expect(upstream.calls[0].head.contains(first) && upstream.calls[2].head.contains(second))
            for secret in [first, second, "my secret", device.device.hash] {
                #expect(!farm.server.log.contains(secret), "\(secret)")
            }
        }
    }
}
