internal import Glibc
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes
internal import Synchronization

/// One client's connection: whose it is, and whether it is still there.
final class ClientConnection: Sendable {
    /// What limits by address count by: of IPv6 the first half, which is what one client gets.
    let address: String
    private let abandoned = Atomic(false)
    private let spent = Atomic(false)
    private let upgrade = Atomic(false)

    init(_ remote: SocketAddress?) { address = Self.key(remote) }

    var isAbandoned: Bool { abandoned.load(ordering: .relaxed) }
    func abandon() { abandoned.store(true, ordering: .relaxed) }

    /// Whether this reply is the last one: what the client still sends isn't worth reading.
    var isSpent: Bool { spent.load(ordering: .relaxed) }
    func spend() { spent.store(true, ordering: .relaxed) }

    /// Whether a request that asks for another protocol has come, and may still wait behind others.
    var expectsUpgrade: Bool { upgrade.load(ordering: .relaxed) }
    func expectUpgrade() { upgrade.store(true, ordering: .relaxed) }

    /// nil for text that is no address.
    static func key(ofAddress text: String) -> String? {
        (try? SocketAddress(ipAddress: text, port: 0)).map { key($0) }
    }

    private static func key(_ remote: SocketAddress?) -> String {
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

/// Turns away an address with too many connections, drops a client that sends its body a byte at a time, reads nothing
/// behind a request for another protocol, and notes when the client is gone.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let connection: ClientConnection
    private let counts: ConnectionCounts
    private let patience: TimeAmount
    private var isCounted = false
    /// Since when the body at hand is being read; nil between bodies.
    private var bodySince: NIODeadline?
    private var bodyBytes = 0
    private var isUpgrade = false
    private var check: RepeatedTask?

    init(_ connection: ClientConnection, _ counts: ConnectionCounts, patience: TimeAmount) {
        self.connection = connection
        self.counts = counts
        self.patience = patience
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { enter(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        enter(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            bodySince = .now()
            bodyBytes = 0
            isUpgrade = Self.asksForUpgrade(head)
            if isUpgrade { connection.expectUpgrade() }
        case .body(let bytes): bodyBytes += bytes.readableBytes
        case .end:
            bodySince = nil
            // What follows would pile up in the decoder, however much it is.
            if isUpgrade { try? context.channel.syncOptions?.setOption(.autoRead, value: false) }
        }
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { connection.abandon() }
        context.fireUserInboundEventTriggered(event)
    }

    /// Whether a request asks for another protocol. Its answer is the last one, whatever it is: the decoder takes what
    /// follows for the other protocol, and doesn't parse it.
    static func asksForUpgrade(_ head: HTTPRequest) -> Bool {
        head.method == .connect || head.headerFields.contains { $0.name == .upgrade }
    }

    private func enter(_ context: ChannelHandlerContext) {
        guard !isCounted else { return }
        guard counts.enter(connection.address) else { return context.close(promise: nil) }
        isCounted = true
        let channel = context.channel
        let own = NIOLoopBound(self, eventLoop: context.eventLoop)
        check = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(5), delay: .seconds(5)) { _ in
            if own.value.isTooSlow { channel.close(promise: nil) }
        }
    }

    /// A kilobyte a second, once the time that every body gets is over.
    private var isTooSlow: Bool {
        guard let bodySince else { return false }
        let elapsed = NIODeadline.now() - bodySince
        return elapsed > patience && Int64(bodyBytes) < elapsed.nanoseconds / 1_000_000
    }

    private func leave() {
        connection.abandon()
        check?.cancel()
        check = nil
        guard isCounted else { return }
        isCounted = false
        counts.leave(connection.address)
    }
}
