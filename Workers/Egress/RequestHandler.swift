internal import NIOCore
internal import NIOHTTP1

/// Reads one request of the job, checks the rules, and forwards the rest once connected to the server.
final class RequestHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = NIOAny
    typealias OutboundOut = NIOAny

    private enum State {
        case head
        /// For the connection to the server; data after the head is held back.
        case waiting(isTunnel: Bool)
        case tunnel
        case request
        /// Answered; further data is discarded.
        case done
    }

    private let session: EgressSession
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private let isOverLimit: Bool
    private var state = State.head
    private var context: ChannelHandlerContext?
    private var deadline: Scheduled<Void>?
    private var held: [NIOAny] = []
    private var isInputClosed = false
    private var isReadPending = false
    private var isDecoding = true

    init(session: EgressSession, decoder: ByteToMessageHandler<HTTPRequestDecoder>, isOverLimit: Bool) {
        self.session = session
        self.decoder = decoder
        self.isOverLimit = isOverLimit
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        setDeadline(session.rules.headMilliseconds) { .headTooSlow }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        self.context = nil
        state = .done
        held = []
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .head:
            if case .head(let head) = unwrapInboundIn(data) { begin(head, context) }
        case .waiting(isTunnel: true) where isDecoding:
            // The end of the head: raw bytes from here on. The removed decoder returns what it has buffered.
            isDecoding = false
            context.pipeline.syncOperations.removeHandler(decoder, promise: nil)
        case .waiting: held.append(data)
        case .tunnel: context.fireChannelRead(data)
        case .request: forward(unwrapInboundIn(data), context)
        case .done: break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let size = head.headers.reduce(head.uri.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        guard size <= session.rules.headBytes else { return refuse(.headTooLarge(session.rules.headBytes)) }
        guard !isOverLimit else { return refuse(.connections(session.rules.connections)) }
        if let refusal = session.meter.refusal { return refuse(refusal) }
        let request: ForwardRequest
        do {
            request = try ForwardRequest(head)
        } catch {
            return refuse(.malformed(error.message))
        }
        let target = request.target
        if let refusal = session.rules.refusal(of: target) { return refuse(refusal) }
        state = .waiting(isTunnel: request.head == nil)
        setDeadline(session.rules.connectMilliseconds) { .timeout(target.host, target.port) }
        let relay = Relay(.client)
        do {
            try context.pipeline.syncOperations.addHandler(relay)
        } catch {
            return context.close(promise: nil)
        }
        session.connect(relay, to: target) {
            if case .waiting = self.state { true } else { false }
        } then: { refusal in
            guard case .waiting = self.state else { return }
            if let refusal { self.refuse(refusal) } else { self.open(request) }
        }
    }

    private func open(_ request: ForwardRequest) {
        guard let context else { return }
        deadline?.cancel()
        session.meter.allow()
        let held = held
        self.held = []
        if let head = request.head {
            state = .request
            context.fireChannelRead(NIOAny(HTTPClientRequestPart.head(head)))
            for part in held { forward(unwrapInboundIn(part), context) }
        } else {
            state = .tunnel
            let reply = ByteBuffer(string: "HTTP/1.1 200 Connection established\r\n\r\n")
            context.writeAndFlush(NIOAny(reply), promise: nil)
            for bytes in held { context.fireChannelRead(bytes) }
            if isInputClosed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        }
        context.fireChannelReadComplete()
        if isReadPending { context.read() }
    }

    private func forward(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        // Only one request per connection.
        case .head: state = .done
        case .body(let bytes): context.fireChannelRead(NIOAny(HTTPClientRequestPart.body(.byteBuffer(bytes))))
        case .end(let trailers): context.fireChannelRead(NIOAny(HTTPClientRequestPart.end(trailers)))
        }
    }

    func read(context: ChannelHandlerContext) {
        if case .waiting = state { isReadPending = true } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
        isInputClosed = true
        switch state {
        case .head: context.close(promise: nil)
        case .tunnel: context.fireUserInboundEventTriggered(event)
        // The request is already complete, and the response is still to come.
        case .waiting, .request, .done: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch (state, error) {
        case (.head, HTTPParserError.headerOverflow), (.head, is ByteToMessageDecoderError.PayloadTooLargeError):
            refuse(.headTooLarge(session.rules.headBytes))
        case (.head, is HTTPParserError): refuse(.malformed("not a valid HTTP/1.1 request"))
        case (.done, _): break
        default: context.close(promise: nil)
        }
    }

    private func refuse(_ refusal: EgressRefusal) {
        guard let context else { return }
        state = .done
        held = []
        deadline?.cancel()
        session.meter.refuse(refusal)
        context.write(NIOAny(ByteBuffer(string: refusal.response)), promise: nil)
        context.finish()
        if isReadPending { context.read() }
    }

    private func setDeadline(_ milliseconds: Int64, _ refusal: @escaping () -> EgressRefusal) {
        deadline?.cancel()
        deadline = context?.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
            self.refuse(refusal())
        }
    }
}
