internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1
internal import Synchronization

/// One client's connection, and the HTTP of it: requests are taken at the pace of the task that serves them, answers go
/// out as bytes. It turns away an address with too many connections, drops a client that is idle or sends its body a
/// byte at a time, reads nothing behind a request for another protocol, and notes when the client is gone.
///
/// Its task runs on its event loop too (`LoopExecutor`), so that a request whose bytes are there costs no change of
/// threads, no lock and no promise.
// All but what is constant, the atomic and the mutex is touched on the event loop only; who isn't there is sent there.
final class ClientConnection: ChannelDuplexHandler, ServerChildChannelValue, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = IOData

    let channel: any Channel
    /// What limits by address count by: of IPv6 the first half, which is what one client gets.
    let address: String
    /// Whether it comes from a proxy whose word is taken for whom it speaks for. Such connections are as many as it
    /// likes: what it carries is counted by those.
    let isProxy: Bool
    let counts: ConnectionCounts
    /// The address whose call is under way on a proxy's connection, while it is counted.
    let seat = Mutex<String?>(nil)
    let idleTimeout: TimeAmount
    private let headTimeout: TimeAmount
    private let abandoned = Atomic(false)
    private(set) var context: ChannelHandlerContext?
    private var isCounted = false
    private var idleWatch: Scheduled<Void>?
    private var bodyWatch: RepeatedTask?
    /// Ends a request whose head takes too long; nil when none is open.
    private var headWatch: Scheduled<Void>?
    private var hasParsed = false

    private var inbox = RequestInbox()
    /// Whether the channel wanted to read when enough was there.
    private var owesRead = false
    /// Waits until the client takes more.
    private var writer: CheckedContinuation<Void, any Error>?

    /// Requests that came and aren't answered.
    private var underWay = 0
    private var lastActive = NIODeadline.now()
    private var pace: BodyPace
    private var isQuiescing = false
    private var isCancelled = false
    /// Whether a request that asks for another protocol has come, and may still wait behind others.
    private(set) var expectsUpgrade = false
    /// Whether this reply is the last one: what the client still sends isn't worth reading.
    private(set) var isSpent = false

    init(_ channel: any Channel, _ counts: ConnectionCounts, _ configuration: AppConfiguration) {
        self.channel = channel
        self.counts = counts
        address = Self.key(channel.remoteAddress)
        pace = BodyPace(window: .milliseconds(configuration.bodyWindowMilliseconds))
        idleTimeout = .seconds(configuration.idleTimeoutSeconds)
        headTimeout = .milliseconds(configuration.headTimeoutMilliseconds)
        isProxy =
            configuration.trustProxyHeaders
            && (channel.remoteAddress?.ipAddress).map(configuration.trustedProxies.contain) ?? false
    }

    var isAbandoned: Bool { abandoned.load(ordering: .relaxed) }
    private func abandon() { abandoned.store(true, ordering: .relaxed) }
    func spend() { isSpent = true }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { enter(context) }
    }

    func channelActive(context: ChannelHandlerContext) { enter(context) }

    func channelInactive(context: ChannelHandlerContext) { leave() }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    private func enter(_ context: ChannelHandlerContext) {
        guard !isCounted else { return }
        guard isProxy || counts.enter(address) else { return context.close(promise: nil) }
        isCounted = true
        lastActive = .now()
        watchIdle(until: lastActive + idleTimeout)
        let pause = TimeAmount.nanoseconds(max(1, pace.window.nanoseconds / 2))
        bodyWatch = context.eventLoop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in
            guard self.pace.isTooSlow(at: .now(), isHeldUp: self.owesRead) else { return }
            self.counts.note(.slowBody)
            self.channel.close(promise: nil)
        }
    }

    private func leave() {
        abandon()
        inbox.close(.success(()))
        resumeWriter(throwing: ChannelError.ioOnClosedChannel)
        context = nil
        idleWatch?.cancel()
        bodyWatch?.cancel()
        headWatch?.cancel()
        leaveSeat()
        guard isCounted else { return }
        isCounted = false
        if !isProxy { counts.leave(address) }
    }

    private func watchIdle(until deadline: NIODeadline) {
        idleWatch = channel.eventLoop.scheduleTask(deadline: deadline) {
            guard self.isCounted else { return }
            // A request that is here whole takes as long as its answer does.
            let isBusy = self.underWay > 0 && !self.pace.isOpen || !self.channel.isWritable
            let now = NIODeadline.now()
            if !isBusy, now >= self.lastActive + self.idleTimeout { return self.channel.close(promise: nil) }
            self.watchIdle(until: (isBusy ? now : self.lastActive) + self.idleTimeout)
        }
    }
}

/// What the client sends.
extension ClientConnection {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard inbox.isOpen else { return }
        hasParsed = true
        lastActive = .now()
        switch unwrapInboundIn(data) {
        case .head(let head):
            headWatch?.cancel()
            headWatch = nil
            do {
                let request = try Self.request(head)
                if Self.asksForUpgrade(request) { expectsUpgrade = true }
                inbox.append(.head(request))
            } catch {
                return inbox.close(.failure(error))
            }
            underWay += 1
            pace.begin(at: lastActive, isHeldUp: owesRead)
        case .body(let bytes):
            pace.add(bytes.readableBytes)
            inbox.append(.body(bytes))
        case .end:
            pace.end()
            inbox.append(.end(nil))
            // What follows would pile up in the decoder, however much it is.
            if expectsUpgrade { try? context.channel.syncOptions?.setOption(.autoRead, value: false) }
        }
    }

    func willParse() { hasParsed = false }

    /// Bytes of which nothing came begin a head, or go on with one. It has its time from the first of them.
    func didParse() {
        guard !hasParsed, headWatch == nil, !pace.isOpen, !expectsUpgrade, inbox.isOpen else { return }
        headWatch = channel.eventLoop.scheduleTask(in: headTimeout) {
            self.inbox.close(.failure(HeadTooSlow(timeout: self.headTimeout)))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { inbox.deliver() }

    func read(context: ChannelHandlerContext) {
        if inbox.count < 8 { return context.read() }
        owesRead = true
        pace.holdUp()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { inbox.close(.failure(error)) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            abandon()
            inbox.close(.success(()))
        case is ChannelShouldQuiesceEvent:
            isQuiescing = true
            // What was answered last may not be out yet.
            if underWay == 0 { closeWritten() }
        default: break
        }
    }

    private func next() async throws -> HTTPRequestPart? {
        if channel.eventLoop.inEventLoop, let part = inbox.take() {
            readOn()
            return part
        }
        return try await withCheckedThrowingContinuation { reader in
            onLoop {
                self.inbox.wait(reader)
                self.readOn()
            }
        }
    }

    private func readOn() {
        guard owesRead, inbox.count <= 2 else { return }
        owesRead = false
        context?.read()
    }

    /// The next request, when what is left of the one before is read; nil after the last.
    func nextRequest() async throws -> HTTPRequest? {
        while try await nextPiece() != nil {}
        guard case .head(let head)? = try await next() else { return nil }
        return head
    }

    /// The next bytes of the body; nil at its end.
    func nextPiece() async throws -> ByteBuffer? {
        guard inbox.isBodyLeft, case .body(let bytes)? = try await next() else { return nil }
        return bytes
    }
}

/// What it is sent.
extension ClientConnection {
    /// Sends bytes as soon as the client has taken those before. Throws when it is gone or the task cancelled.
    /// - Parameter isEnd: whether the request is answered by that.
    func write(_ bytes: ByteBuffer, _ more: ByteBuffer? = nil, isEnd: Bool = false) async throws {
        if channel.eventLoop.inEventLoop, !isCancelled, let context, context.channel.isWritable {
            return put(bytes, more, isEnd: isEnd)
        }
        try await withCheckedThrowingContinuation { writer in
            onLoop {
                self.writer = writer
                if self.isCancelled { return self.resumeWriter(throwing: CancellationError()) }
                guard let context = self.context else {
                    return self.resumeWriter(throwing: ChannelError.ioOnClosedChannel)
                }
                if context.channel.isWritable { self.resumeWriter() }
            }
        }
        onLoop { self.put(bytes, more, isEnd: isEnd) }
    }

    private func put(_ bytes: ByteBuffer, _ more: ByteBuffer?, isEnd: Bool) {
        guard let context else { return }
        context.write(wrapOutboundOut(.byteBuffer(bytes)), promise: nil)
        if let more { context.write(wrapOutboundOut(.byteBuffer(more)), promise: nil) }
        context.flush()
        guard isEnd else { return }
        underWay -= 1
        lastActive = .now()
        if isQuiescing, underWay == 0 { closeWritten() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { resumeWriter() }
    }

    private func resumeWriter(throwing error: (any Error)? = nil) {
        guard let writer else { return }
        self.writer = nil
        if let error { writer.resume(throwing: error) } else { writer.resume() }
    }

    /// Says that nothing more is answered, and takes nothing more.
    func finish() {
        onLoop {
            self.inbox.close(.success(()))
            self.inbox.removeAll()
            // The client's end is still to be seen.
            self.readOn()
            self.underWay = 0
            self.pace.end()
            // Half of nothing is all, at once: what isn't out yet would be lost.
            if self.isAbandoned { self.closeWritten() } else { self.channel.close(mode: .output, promise: nil) }
        }
    }

    /// Its task is cancelled.
    func cancel() {
        onLoop {
            self.isCancelled = true
            self.inbox.removeAll()
            self.inbox.close(.failure(CancellationError()))
            self.resumeWriter(throwing: CancellationError())
            self.channel.close(mode: .input, promise: nil)
        }
    }

    func onLoop(_ body: @escaping @Sendable () -> Void) {
        if channel.eventLoop.inEventLoop { body() } else { channel.eventLoop.execute(body) }
    }
}
