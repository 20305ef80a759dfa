internal import Synchronization

/// What became of the WebSockets.
final class SocketMeter: Sendable {
    private struct Tally {
        var open = 0
        var received: Int64 = 0
        var sent: Int64 = 0
        var closes: [UInt16: Int64] = [:]
    }

    private let tally = Mutex(Tally())

    func opened() { tally.withLock { $0.open += 1 } }
    func received() { tally.withLock { $0.received += 1 } }
    func sent() { tally.withLock { $0.sent += 1 } }

    /// Once for each that was opened. The standard's codes; 1005 is a close without a code, 1006 none at all.
    func closed(_ code: UInt16) {
        tally.withLock { tally in
            tally.open -= 1
            tally.closes[code, default: 0] += 1
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
        // Clients choose among thousands; those are told together.
        let named = Dictionary(tally.closes.map { ($0 < 3_000 ? String($0) : "other", $1) }, uniquingKeysWith: +)
        for (code, count) in named.sorted(by: { $0.key < $1.key }) { closes.add(count, ("code", code)) }
        return [open, messages] + (named.isEmpty ? [] : [closes])
    }
}
