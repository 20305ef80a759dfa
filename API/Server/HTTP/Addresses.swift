internal import Glibc
internal import NIOCore
internal import Synchronization

/// How many connections each address holds.
final class ConnectionCounts: Sendable {
    private let counts = Mutex<[String: Int]>([:])
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// False when the address has as many as it may. Every true asks for one `leave`.
    func enter(_ address: String) -> Bool {
        counts.withLock { counts in
            guard counts[address, default: 0] < limit else { return false }
            counts[address, default: 0] += 1
            return true
        }
    }

    func leave(_ address: String) {
        counts.withLock { counts in
            guard let count = counts[address] else { return }
            counts[address] = count > 1 ? count - 1 : nil
        }
    }
}

extension ClientConnection {
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
