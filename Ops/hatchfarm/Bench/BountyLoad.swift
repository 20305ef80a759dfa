internal import Domain
internal import Synchronization

/// Tasks with escrow over HTTP: members post them, others claim them with a deposit, each in a phase of its own.
struct BountyLoad: Sendable {
    /// One connection, with the keys of the members who take turns on it.
    struct Client: Sendable {
        let connection: RawConnection
        let posters: [String]
        let assignees: [String]
    }

    /// A task's bounty, and the tenth of it that an assignee deposits, rounded half up.
    static let points: Int64 = 5
    static let deposit = Bounty.Escrow.deposit(on: points)
    /// How many tasks a member posts: what its points are enough for.
    static let tasksEach = Int(Money.registrationBonus / points)

    let clients: [Client]

    /// Posts and claims `share` tasks by each client.
    func round(share: Int) throws -> [Reading] {
        let count = share * clients.count
        let posted = Mutex<[Int: [[UInt8]]]>([:])
        let body = """
            {"title":"bench","description":"What is to be done.","points":\(Self.points),"escrow":true,\
            "assignment_mode":"fcfs"}
            """
        let posting = try timed { client, index in
            let requests = client.posters.map { Requests.post("/api/posts", Self.head($0), body) }
            var ids: [[UInt8]] = []
            var tally = Tally()
            for number in 0..<share {
                let answer = try tally.timed { try client.connection.exchange(requests[number % requests.count]) }
                var scanner = ByteScanner(answer.body)
                guard answer.status == 201, let id = scanner.text(after: #""id":""#) else {
                    throw Failure.unexpected("a post got \(answer.status): \(answer.text)")
                }
                ids.append(id)
            }
            posted.withLock { $0[index] = ids }
            return tally
        }
        let claiming = try timed { client, index in
            let heads = client.assignees.map { Self.head($0) }
            var tally = Tally()
            let ids: [[UInt8]] = posted.withLock { $0[index] ?? [] }
            for (number, id) in ids.enumerated() {
                let path = "/api/posts/\(String(decoding: id, as: UTF8.self))/claim"
                let request = Requests.post(path, heads[number % heads.count], "{}")
                let answer = try tally.timed { try client.connection.exchange(request) }
                guard answer.status == 200 else {
                    throw Failure.unexpected("a claim got \(answer.status): \(answer.text)")
                }
            }
            return tally
        }
        return [.calls("post", count, posting.ticks)] + Reading.latencies("post", posting.latencies)
            + [.calls("claim", count, claiming.ticks)] + Reading.latencies("claim", claiming.latencies)
    }

    private static func head(_ key: String) -> String {
        "Host: \(ServerUnderTest.host)\r\nAuthorization: Bearer \(key)\r\n"
    }

    /// Runs `body` for all clients concurrently; returns the nanoseconds until the last is done, and of each call.
    private func timed(
        _ body: @escaping @Sendable (Client, Int) throws -> Tally
    ) throws -> (ticks: UInt64, latencies: [UInt64]) {
        let start = Ticks.now()
        let sum = Tally.sum(try ClientPool.run(clients.count) { try body(clients[$0], $0) })
        return (Ticks.now() - start, sum.latencies)
    }
}

extension Tally {
    fileprivate mutating func timed<T>(_ call: () throws -> T) rethrows -> T {
        let start = Ticks.now()
        defer { latencies.append(Ticks.now() - start) }
        return try call()
    }
}
