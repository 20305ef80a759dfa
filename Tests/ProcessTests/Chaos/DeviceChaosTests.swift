import Bytes
import Support
import Testing

/// A fleet, its customer, and a server that is killed again and again (`Ops/chaos/README.md`).
@Suite("Devices while the server fails", .serialized, .timeLimit(.minutes(20)), .tags(.timed))
struct DeviceChaosTests {
    private static let seconds = ChaosSize.isFull ? 120 : 20
    /// So much must have happened.
    private static let (kills, completed, deaths) = (seconds / 4, seconds * 5, seconds / 5)

    @Test("do each command once, and their customer misses nothing", arguments: TestDatabase.all)
    func chaos(on database: TestDatabase) async throws {
        let seed = ChaosSize.seed
        print("measured: \(Self.seconds) s of 6 devices on \(database), HATCHFARM_CHAOS_SEED=\(seed)")
        try await Farm.run(on: database, environment: DeviceCrowd.environment) { farm in
            let crowd = try await DeviceCrowd(farm, seed: seed)
            let follower = UpdateFollower(crowd.customer, crowd.devices.map(\.id))
            let following = Task { await follower.run() }
            defer { following.cancel() }
            let kills = try await kill(farm.server, during: crowd, seed: seed)

            // Nobody claims: what is sent now waits.
            for device in crowd.devices {
                for number in 0..<3 { await crowd.send("late-\(device.id)-\(number)", to: device) }
                #expect(try await waiting(of: device, crowd) >= 3)
            }
            await crowd.drain()
            try await expectOnlyRemainsOpen(crowd)
            for device in crowd.devices { _ = try await waiting(of: device, crowd) }
            await crowd.raise()
            var commands: [DeviceChecker.Command] = []
            try await eventually("all commands have ended", within: .seconds(120)) {
                await crowd.drain()
                commands = try await all(crowd)
                return !commands.contains { ["pending", "claimed"].contains($0.status) }
            }
            for device in crowd.devices { #expect(try await waiting(of: device, crowd) == 0) }

            let ends = try await follower.ends()
            // What doesn't come is found by the checker.
            try? await eventually("the customer was told of all", within: .seconds(30)) {
                let positions = follower.positions
                return ends.allSatisfy { positions[$0.key] ?? 0 >= $0.value }
            }
            let log = crowd.record.log
            let checker = DeviceChecker(log: log, commands: commands, told: follower.told, ends: ends)
            let violations = follower.complaints + checker.violations
            #expect(violations.isEmpty, "seed \(seed): \(violations.count) in all, \(violations.prefix(10))")
            print("measured: \(kills) kills, \(commands.count) commands, \(log.leases.count) leases")
            print("measured: \(log.deaths) deaths, \(log.returns) returns, \(log.unanswered) calls unanswered")
            print("measured: \(ends.values.reduce(0, +)) updates over \(follower.connections) connections")
            expectWorthIt(log, kills: kills, connections: follower.connections)
        }
    }

    /// Kills and starts the server while the crowd is at it: until the time is over, and then as long as a slow machine
    /// has done too little, within reason. Returns how often.
    private func kill(_ server: FarmServer, during crowd: DeviceCrowd, seed: UInt64) async throws -> Int {
        var chance = Chance(seed: seed)
        var kills = 0
        let end = ContinuousClock.now + .seconds(Self.seconds)
        try await crowd.run {
            while isShort(of: crowd.record.log, crowd.record.completed, kills: kills, since: end) {
                try await World.live.sleep(.milliseconds(1_500 + chance.next(upTo: 500)))
                try await server.kill()
                kills += 1
                try await server.start()
            }
        }
        return kills
    }

    private func isShort(
        of log: DeviceRecord.Log, _ completed: Int, kills: Int, since end: ContinuousClock.Instant
    ) -> Bool {
        let now = ContinuousClock.now
        guard now >= end else { return true }
        guard now < end + .seconds(120) else { return false }
        return kills < Self.kills || completed < Self.completed || log.deaths < Self.deaths || log.unanswered < kills
    }

    private func all(_ crowd: DeviceCrowd) async throws -> [DeviceChecker.Command] {
        var commands: [DeviceChecker.Command] = []
        for device in crowd.devices { commands += try await crowd.commands(of: device) }
        return commands
    }

    /// How many commands wait for a device, which its heartbeat is told as well.
    private func waiting(
        of device: ChaosDevice, _ crowd: DeviceCrowd, at place: SourceLocation = #_sourceLocation
    ) async throws -> Int {
        var told: Int64 = -1
        var waiting = 0
        // A lease may run out between the two looks.
        try? await eventually("the heartbeat is told what waits", within: .seconds(10)) {
            told = try await device.beat("online").expecting(200).json["pendingCommands"]?.int ?? -1
            waiting = try await crowd.commands(of: device).count { $0.status == "pending" }
            return told == Int64(waiting)
        }
        #expect(told == Int64(waiting), "pendingCommands of \(device.id)", sourceLocation: place)
        return waiting
    }

    /// After all that could be claimed was done, only what devices died with is open, and that is still theirs.
    private func expectOnlyRemainsOpen(_ crowd: DeviceCrowd) async throws {
        let commands = try await all(crowd)
        let now = World.live.now()
        let statuses = Dictionary(commands.map { ($0.id, $0.status) }) { first, _ in first }
        // By command, as its device last heard of it.
        var ends: [String: Int64] = [:]
        let leases = crowd.record.log.leases
        for grant in crowd.remains.flatMap(\.grants) {
            let until = leases[grant.hold]?.visibleUntil ?? grant.visibleUntil
            ends[grant.hold.command] = max(until, ends[grant.hold.command] ?? until)
        }
        for (id, status) in statuses where status != "completed" {
            #expect(ends[id] != nil, "\(id) is \(status), and no device died with it")
        }
        for (id, until) in ends where now < until {
            let status = statuses[id] ?? "nowhere"
            #expect(status == "claimed", "a device died with \(id), which is \(status) before its time is over")
        }
        print("measured: \(ends.count) commands in the hands of dead devices")
    }

    /// It was a history worth checking.
    private func expectWorthIt(_ log: DeviceRecord.Log, kills: Int, connections: Int) {
        #expect(kills >= Self.kills)
        #expect(log.sent.count >= Self.completed)
        #expect(log.deaths >= Self.deaths && log.returns > 0)
        #expect(log.unanswered >= kills)
        #expect(log.answers.contains { $0.kind == .extend && $0.status == 200 })
        #expect(connections >= kills / 2, "the follower hardly ever came back")
    }
}
