internal import HTTPTypes
internal import Synchronization

/// How many sockets each caller has open in this process.
package final class SocketSeats: Sendable {
    private let taken = Mutex<[String: Int]>([:])

    package init() {}

    /// A socket of a caller.
    package struct Seat: Sendable {
        fileprivate let seats: SocketSeats
        fileprivate let subject: String

        /// Once, when the socket has ended.
        package func leave() { seats.leave(subject) }
    }

    /// Counts another socket of a caller; throws 429 when it has `most` already.
    package func take(_ subject: String, most: Int) throws(Problem) -> Seat {
        let isTaken = taken.withLock { taken in
            let count = taken[subject] ?? 0
            guard count < most else { return false }
            taken[subject] = count + 1
            return true
        }
        guard isTaken else {
            throw Problem(.tooManyRequests, "too_many_sockets", "at most \(most) sockets at once; close another one")
        }
        return Seat(seats: self, subject: subject)
    }

    private func leave(_ subject: String) {
        taken.withLock { taken in
            let count = (taken[subject] ?? 1) - 1
            taken[subject] = count > 0 ? count : nil
        }
    }
}

/// The seat of one socket, which a transaction takes: it may run more than once, and takes one seat.
final class LateSeat: Sendable {
    private let seats: SocketSeats
    private let taken = Mutex<SocketSeats.Seat?>(nil)

    init(_ seats: SocketSeats) { self.seats = seats }

    /// Throws 429 as `SocketSeats.take`.
    func take(_ subject: String, most: Int) throws(Problem) {
        try taken.withLock { seat throws(Problem) in
            if seat == nil { seat = try seats.take(subject, most: most) }
        }
    }

    /// Gives back what was taken.
    func leave() {
        taken.withLock { seat in
            seat?.leave()
            seat = nil
        }
    }
}
