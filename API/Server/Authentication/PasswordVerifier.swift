internal import Bytes
internal import NIOCore
internal import NIOPosix

/// Where passwords are checked: beside the event loops, by at most half of the machine's cores, so that logins starve
/// nobody.
actor PasswordVerifier {
    /// Checks at once; each takes one core and 64 MiB for some 50 ms.
    private let seats: Int
    /// How many may wait for a seat.
    private let room: Int
    private var taken = 0
    private var line: [CheckedContinuation<Void, Never>] = []

    init(seats: Int = max(1, System.coreCount / 2), room: Int = 64) {
        self.seats = seats
        self.room = room
    }

    /// Whether the password is the one of the hash. Throws 503 when too many wait already.
    func verify(_ password: String, against hash: String) async throws -> Bool {
        try await sit()
        defer { leave() }
        return try await NIOThreadPool.singleton.runIfActive { Password.verify(password, against: hash) }
    }

    private func sit() async throws(Problem) {
        if taken < seats {
            taken += 1
            return
        }
        guard line.count < room else { throw .unavailable("too many people log in at once", code: "busy") }
        // Whoever leaves hands over the seat.
        await withCheckedContinuation { line.append($0) }
    }

    private func leave() {
        if line.isEmpty { taken -= 1 } else { line.removeFirst().resume() }
    }
}
