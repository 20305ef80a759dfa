import Bytes
import Domain
import Engine
import Store
import Support
import Testing

@Suite("Heartbeats of many machines at once", .timeLimit(.minutes(2)))
struct HeartbeatTests {
    private func heartbeat(
        _ name: String, _ worker: LabWorker, in lab: Lab, off milliseconds: Int64 = 0, nonce: String,
        token: String? = nil, policy: PolicyID? = nil, metrics: String? = nil
    ) -> Heartbeat {
        let (token, policy) = (token ?? name, policy ?? worker.policy)
        let sentAt = lab.now + milliseconds
        let timestamp = RFC3339.format(sentAt)
        return Heartbeat(
            worker: worker.id, policy: policy, nonce: nonce, metrics: metrics, token: token, timestamp: timestamp,
            sentAt: sentAt,
            signature: Base64.encode(
                HMACSHA256.sign(key: token, message: "\(worker.id)|\(timestamp)|\(nonce)|\(policy)")))
    }

    /// What became of each, in their order; sent at once.
    private func outcomes(_ heartbeats: [Heartbeat], _ receiver: HeartbeatReceiver) async -> [String] {
        await withTaskGroup(of: (Int, String).self) { group in
            for (index, heartbeat) in heartbeats.enumerated() {
                group.addTask {
                    do {
                        _ = try await receiver.receive(heartbeat)
                        return (index, "good")
                    } catch Refusal.clockSkew {
                        return (index, "clockSkew")
                    } catch {
                        return (index, "\(error)")
                    }
                }
            }
            return await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        .sorted { $0.key < $1.key }.map(\.value)
    }

    private func receiver(_ lab: Lab) -> HeartbeatReceiver {
        HeartbeatReceiver(lab.database, redis: nil, allowsFallback: false, world: lab.world)
    }

    @Test("are each judged by themselves, whoever else is in the round", arguments: TestDatabase.all)
    func mixed(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let receiver = receiver(lab)
        var (beats, wanted): ([Heartbeat], [String]) = ([], [])
        for number in 0..<20 {
            let name = "w\(number)"
            let worker = try await lab.enroll(name)
            let faults: [(Heartbeat, String)] = [
                (heartbeat(name, worker, in: lab, nonce: "1"), "good"),
                (heartbeat(name, worker, in: lab, off: 200_000, nonce: "2", token: "x"), "clockSkew"),
                (heartbeat(name, worker, in: lab, nonce: "2", token: "x"), "invalidHeartbeatAuth"),
                (heartbeat(name, worker, in: lab, nonce: "2", policy: PolicyID("pol_0")), "noConsent"),
            ]
            beats += faults.map(\.0)
            wanted += faults.map(\.1)
        }
        #expect(await outcomes(beats, receiver) == wanted)
        // None of those that were refused has spent its nonce.
        let again = zip(beats, wanted).map { beat, outcome in (beat, outcome == "good" ? "nonceSeen" : outcome) }
        let (repeated, expected) = (again.map(\.0), again.map(\.1))
        #expect(await outcomes(repeated, receiver) == expected)
        let spent = try await lab.database.read { tx in
            try tx.rows("SELECT nonce FROM nonces") { try $0.text() }
        }
        #expect(spent == Array(repeating: "1", count: 20))
    }

    @Test("with one nonce are one", arguments: TestDatabase.all)
    func twins(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (here, there) = (receiver(lab), receiver(try await lab.neighbour()))
        let worker = try await lab.enroll("w")
        for round in 0..<10 {
            let beat = heartbeat("w", worker, in: lab, nonce: "\(round)")
            async let some = outcomes(Array(repeating: beat, count: 10), here)
            async let others = outcomes(Array(repeating: beat, count: 10), there)
            let all = await some + others
            #expect(all.sorted() == ["good"] + Array(repeating: "nonceSeen", count: 19))
        }
    }

    @Test("are told what to stop, each its own", arguments: TestDatabase.all)
    func notices(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let receiver = receiver(lab)
        var jobs: [String: JobID] = [:]
        for name in ["a", "b"] {
            let id = try await lab.submit()
            _ = try await lab.claim(by: name)
            try await lab.cancel(id)
            jobs[name] = id
        }
        try await lab.submit()
        for name in ["a", "b", "c"] {
            let beat = heartbeat(name, try await lab.worker(name), in: lab, nonce: "1")
            let answer = try await receiver.receive(beat)
            let own = jobs[name].map { [$0] } ?? []
            #expect(answer.cancelled == own)
            #expect(answer.pendingJobs == 1)
        }
    }

    @Test("one that can't be stored spoils no other's")
    func spoilt() async throws {
        let lab = try await Lab(.postgres)
        let receiver = receiver(lab)
        var (beats, wanted): ([Heartbeat], [String]) = ([], [])
        for number in 0..<30 {
            let name = "w\(number)"
            let worker = try await lab.enroll(name)
            beats.append(heartbeat(name, worker, in: lab, nonce: "1", metrics: number == 7 ? "\0" : "{}"))
            wanted.append(number == 7 ? "invalidText" : "good")
        }
        #expect(await outcomes(beats, receiver) == wanted)
    }

    @Test("wait for no stranger whose machine's row is taken, and that one is served when it is free")
    func taken() async throws {
        let lab = try await Lab(.postgres)
        let receiver = receiver(lab)
        let taken = try await lab.enroll("taken")
        var others: [Heartbeat] = []
        for number in 0..<30 {
            others.append(heartbeat("w\(number)", try await lab.enroll("w\(number)"), in: lab, nonce: "1"))
        }
        let (isHeld, mayEnd) = (Shared(false), Shared(false))
        let holder = Task {
            try await lab.database.write { tx in
                try tx.execute("UPDATE machines SET draining = 0 WHERE id = \(taken.id.text)")
                isHeld.change { $0 = true }
                // On the database's own thread; the others have theirs.
                for _ in 0..<1_000 where !mayEnd.value {
                    _ = try tx.first("SELECT 1 FROM pg_sleep(0.005)") { try $0.integer() }
                }
            }
        }
        try await eventually("the row is held") { isHeld.value }
        let (all, beats) = (Shared<[String]>([]), others)
        let own = heartbeat("taken", taken, in: lab, nonce: "1")
        let waiter = Task {
            let outcome = await outcomes([own], receiver)
            all.change { $0 += outcome }
        }
        let good = Array(repeating: "good", count: beats.count)
        #expect(await outcomes(beats, receiver) == good)
        #expect(all.value.isEmpty)
        mayEnd.change { $0 = true }
        try await holder.value
        await waiter.value
        #expect(all.value == ["good"])
    }
}
