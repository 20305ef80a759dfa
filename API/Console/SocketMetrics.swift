internal import Synchronization

/// What became of the WebSockets.
final class SocketMeter: Sendable {
    private struct Tally {
        var open = 0
        var received: Int64 = 0
        var sent: Int64 = 0
        var closes: [String: Int64] = [:]
    }

    private static let standard: ClosedRange<UInt16> = 1_000...1_015

    private let tally = Mutex(Tally())

    func opened() { tally.withLock { $0.open += 1 } }
    func received() { tally.withLock { $0.received += 1 } }
    func sent() { tally.withLock { $0.sent += 1 } }

    /// Once for each that was opened. The standard's codes; 1005 is a close without a code, 1006 none at all.
    func closed(_ code: UInt16) {
        tally.withLock { tally in
            tally.open -= 1
            // Clients choose among thousands; those are told together.
            tally.closes[Self.standard.contains(code) ? String(code) : "other", default: 0] += 1
        }
    }

    var metrics: [MetricFamily] {
        let tally = tally.withLock { $0 }
        var open = MetricFamily(.gauge, "hatchfarm_sockets_open", "WebSockets that are open.")
        open.add(tally.open)
        var messages = MetricFamily(.counter, "hatchfarm_socket_messages_total", "Text messages of WebSockets.")
        messages.add(tally.received, ("direction", "in"))
        messages.add(tally.sent, ("direction", "out"))
        var closes = MetricFamily(.counter, "hatchfarm_socket_closes_total", "WebSockets closed, by the first code.")
        for (code, count) in tally.closes.sorted(by: { $0.key < $1.key }) { closes.add(count, ("code", code)) }
        return [open, messages] + (tally.closes.isEmpty ? [] : [closes])
    }
}
