internal import Glibc
internal import NIOCore
internal import Synchronization

/// How many connections each address holds, and which were ended before they asked for anything.
final class ConnectionCounts: Sendable {
    /// Why there was no answer, or none in a system's words.
    enum Ending: String, CaseIterable {
        case tooMany = "too_many"
        case slowHead = "slow_head"
        case slowBody = "slow_body"
    }

    private struct State {
        var counts: [String: Int] = [:]
        var endings: [Ending: Int64] = [:]
    }

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// False when the address has as many as it may. Every true asks for one `leave`.
    func enter(_ address: String) -> Bool {
        state.withLock { state in
            guard state.counts[address, default: 0] < limit else {
                state.endings[.tooMany, default: 0] += 1
                return false
            }
            state.counts[address, default: 0] += 1
            return true
        }
    }

    func leave(_ address: String) {
        state.withLock { state in
            guard let count = state.counts[address] else { return }
            state.counts[address] = count > 1 ? count - 1 : nil
        }
    }

    func note(_ ending: Ending) { state.withLock { $0.endings[ending, default: 0] += 1 } }

    func count(of ending: Ending) -> Int64 { state.withLock { $0.endings[ending, default: 0] } }
}

extension ClientConnection {
    /// Takes a place among those of an address that a proxy speaks for; its connection itself has none. False when the
    /// address has as many calls under way as it may have connections.
    func takeSeat(of client: String) -> Bool {
        guard isProxy, client != address else { return true }
        guard counts.enter(client) else { return false }
        let before = seat.withLock { seat in
            let before = seat
            seat = client
            return before
        }
        if let before { counts.leave(before) }
        return true
    }

    /// Gives it back, if there is one.
    func leaveSeat() {
        let held = seat.withLock { seat in
            let held = seat
            seat = nil
            return held
        }
        if let held { counts.leave(held) }
    }

    /// nil for text that is no address.
    static func key(ofAddress text: String) -> String? {
        (try? SocketAddress(ipAddress: text, port: 0)).map { key($0) }
    }

    static func key(_ remote: SocketAddress?) -> String {
        guard let text = remote?.ipAddress else { return "local" }
        guard remote?.protocol == .inet6 else { return text }
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, text, &bytes) == 1 else { return text }
        // An IPv4 client on a socket for both.
        if bytes.prefix(12).elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]) {
            return bytes.suffix(4).map { String($0) }.joined(separator: ".")
        }
        return bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
    }
}
