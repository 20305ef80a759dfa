import Bytes
import Store
import Support
import Testing

/// `pendingCommands` of a heartbeat is what waits for a claim, at every moment: it is kept, not counted.
@Suite("pendingCommands", .timeLimit(.minutes(3)))
struct PendingCountTests {
    /// How many commands of a device have a status, by the list.
    private func count(_ status: String, of device: EnrolledDevice, _ lab: GatewayLab) async throws -> Int64 {
        var (count, cursor): (Int64, String?) = (0, nil)
        repeat {
            let query = "?limit=100" + (cursor.map { "&cursor=\($0)" } ?? "")
            let page = try lab.must(await lab.call(as: device.customer, "GET", "\(device.path)/commands\(query)"))
            count += Int64((page["commands"]?.array ?? []).filter { $0["status"]?.string == status }.count)
            cursor = page["next_cursor"]?.string
        } while cursor != nil
        return count
    }

    @Test("goes with each step of a command", arguments: TestDatabase.all)
    func steps(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, neighbour) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            func expect(_ count: Int64, _ what: String, at place: SourceLocation = #_sourceLocation) async throws {
                let told = try await lab.waiting(device)
                #expect(told == count, "\(what): \(told ?? -1)", sourceLocation: place)
            }
            try await expect(0, "nothing yet")
            let first = try await lab.command(for: device)
            for _ in 0..<4 { try await lab.command(for: device) }
            try await expect(5, "five were sent")
            let held = try await lab.claim(device, ["limit": 2])
            try await expect(3, "two are claimed")
            try lab.must(await lab.finish(held[0]))
            try await expect(3, "one of them is done")
            try lab.must(await lab.extend(held[1]))
            try await expect(3, "one is extended")
            try await lab.loseLeases()
            try await expect(4, "the other's lease ran out")
            #expect(held[0].id == first)
            let again = try await lab.claim(device, ["limit": 2])
            try await expect(2, "two are claimed again")
            #expect(try await lab.finish(held[1]).status == 403)
            try await expect(2, "a late result")
            try lab.must(await lab.finish(again[0], GatewayLab.failure))
            try await expect(2, "a failure is final")
            try lab.must(await lab.cancel(again[1].id, of: device))
            try await expect(2, "what was claimed is cancelled")
            let waiting = try await lab.command(for: device)
            try await expect(3, "another was sent")
            try lab.must(await lab.cancel(waiting, of: device))
            try await expect(2, "what waited is cancelled")
            #expect(try await lab.cancel(waiting, of: device).status == 409)
            try await expect(2, "once")
            #expect(try await lab.waiting(neighbour) == 0)
        }
    }

    @Test("goes with approvals and sessions", arguments: TestDatabase.all)
    func approvals(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let session = try await lab.session("remediation", on: device)
            var ids: [String] = []
            for _ in 0..<5 { ids.append(try await lab.command(for: device, ["sessionId": .string(session)])) }
            #expect(try await lab.waiting(device) == 0, "they wait for approval")
            try lab.must(await lab.decide(ids[0], in: session))
            #expect(try await lab.waiting(device) == 1)
            try lab.must(await lab.decide(ids[1], in: session, false))
            #expect(try await lab.waiting(device) == 1)
            try lab.must(await lab.cancel(ids[2], of: device))
            #expect(try await lab.waiting(device) == 1)
            #expect(try await lab.decide(ids[0], in: session).status == 409)
            try lab.must(await lab.end(session))
            try await lab.pass(.seconds(1))
            #expect(try await lab.waiting(device) == 1, "the session's end leaves what was approved")
            #expect(try await lab.held(by: device).id == ids[0])
            #expect(try await lab.waiting(device) == 0)
        }
    }

    @Test("goes with a suspension, and with what is lost three times", arguments: TestDatabase.all)
    func losses(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            var device = try await lab.enroll()
            for _ in 0..<3 { try await lab.command(for: device) }
            _ = try await lab.claim(device, ["limit": 2])
            try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/suspend"))
            try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/resume"))
            device.token = try await lab.signIn(device.id, device.secret)
            #expect(try await lab.waiting(device) == 3, "what it held is pending again")
            // The rest of a command that came back.
            try await lab.pass(.seconds(3))
            for round in 1...3 {
                #expect(try await lab.claim(device, ["limit": 10]).count == 3, "round \(round)")
                #expect(try await lab.waiting(device) == 0)
                try await lab.loseLeases()
                #expect(try await lab.waiting(device) == (round < 3 ? 3 : 0), "round \(round)")
            }
            #expect(try await count("failed", of: device, lab) == 3, "three in a row make it failed")
        }
    }

    @Test(
        "is exact also when the operator meddles by the jobs' API, in the customer's name", arguments: TestDatabase.all)
    func jobs(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let failed = try await lab.command(for: device)
            try lab.must(await lab.finish(lab.held(by: device), GatewayLab.failure))
            let waiting = try await lab.command(for: device)
            try await lab.command(for: device)
            let caller = Caller.operator(for: "customer:acme")
            // Whether it may is another question: what it is told has to be so.
            let retried = try await lab.plane.post("/jobs/\(failed)/retry", caller)
            let cancelled = try await lab.plane.send("DELETE", "/jobs/\(waiting)", caller.headers)
            #expect(retried.status < 500 && cancelled.status < 500, "\(retried.text) \(cancelled.text)")
            try await lab.pass(.seconds(3))
            let (first, second) = (
                try await lab.status(failed, of: device), try await lab.status(waiting, of: device)
            )
            #expect((first == "failed") == (retried.status >= 400), "\(first)")
            #expect((second == "pending") == (cancelled.status >= 400), "\(second)")
            let (told, listed) = (try await lab.waiting(device), try await count("pending", of: device, lab))
            #expect(told == listed)
            let held = try await lab.claim(device, ["limit": 10])
            #expect(Int64(held.count) == listed, "each that waits is the device's to claim")
            for one in held { try lab.must(await lab.finish(one)) }
            #expect(try await lab.waiting(device) == 0)
        }
    }

    /// One call of some sort, or two; perhaps on a command that waits for approval.
    private func act(
        _ number: Int, _ id: String, in session: String, of device: EnrolledDevice, _ lab: GatewayLab
    ) async throws {
        switch number % 6 {
        case 0: try await lab.command(for: device, ["priority": JSON(number % 7)])
        case 1:
            let held = try await lab.claim(device, ["limit": 2])
            if let first = held.first { _ = try await lab.finish(first, GatewayLab.failure) }
        case 2: _ = try await lab.claim(device)
        case 3: _ = try await lab.decide(id, in: session, number % 4 == 1)
        case 4: _ = try await lab.cancel(id, of: device)
        default:
            let held = try await lab.claim(device)
            if let only = held.first { _ = try await lab.cancel(only.id, of: device) }
        }
    }

    @Test("is exact after calls of every sort at the same moment", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let session = try await lab.session("remediation", on: device)
            for round in 0..<3 {
                for _ in 0..<6 { try await lab.command(for: device, ["sessionId": .string(session)]) }
                let list = try lab.must(await lab.call(as: .acme, "GET", "\(device.path)/commands?limit=100"))
                let waiting = (list["commands"]?.array ?? []).filter { $0["status"] == "pending_approval" }
                let ids = waiting.compactMap { $0["id"]?.string }
                _ = try await atOnce(48) { number in
                    try await act(number, ids[number / 6 % ids.count], in: session, of: device, lab)
                }
                let told = try await lab.waiting(device)
                let listed = try await count("pending", of: device, lab)
                #expect(told == listed, "round \(round)")
            }
            try await lab.loseLeases()
            let (told, listed) = (try await lab.waiting(device), try await count("pending", of: device, lab))
            #expect(told == listed)
            #expect(try await count("claimed", of: device, lab) == 0)
            let open = try await lab.database.read { tx in
                try tx.first("SELECT open_commands FROM devices WHERE id = \(device.id)") { try $0.integer() }
            }
            var counted: Int64 = 0
            for status in ["pending", "pending_approval", "claimed"] {
                counted += try await count(status, of: device, lab)
            }
            #expect(open == counted)
        }
    }
}
