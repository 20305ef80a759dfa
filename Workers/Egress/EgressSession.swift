internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// One job's connections through the proxy, with its rules and its meter. Bound to its event loop.
final class EgressSession {
    let rules: EgressRules
    let meter: EgressMeter
    private let loop: any EventLoop
    private let lookups: LookupQueue
    private var clients = 0
    private var open: [ObjectIdentifier: any Channel] = [:]
    private var isStopped = false

    init(_ rules: EgressRules, meter: EgressMeter, resolver: NameResolver, loop: any EventLoop) {
        self.rules = rules
        self.meter = meter
        self.loop = loop
        lookups = LookupQueue(resolver, on: loop)
    }

    /// Accepts a connection of the job. Some above the limit get an error response; further ones are closed
    /// immediately.
    func admit(_ channel: any Channel) throws {
        guard !isStopped, clients < rules.connections + Self.maxRefusedConnections else {
            channel.close(promise: nil)
            return
        }
        clients += 1
        track(channel).whenComplete { _ in self.clients -= 1 }
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(
                leftOverBytesStrategy: .forwardBytes, informationalResponseStrategy: .drop,
                limitConfiguration: headLimits),
            maximumBufferSize: 128 << 10)
        let handler = RequestHandler(session: self, decoder: decoder, isOverLimit: clients > rules.connections)
        try channel.pipeline.syncOperations.addHandlers([HalfCloseHandler(), decoder, handler])
    }

    private static let maxRefusedConnections = 32

    private var headLimits: NIOHTTPDecoderLimitConfiguration {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = rules.headBytes
        limits.maxHeaderListSize = rules.headBytes
        return limits
    }

    private func track(_ channel: any Channel) -> EventLoopFuture<Void>.Isolated {
        let id = ObjectIdentifier(channel)
        open[id] = channel
        let closed = channel.closeFuture.assumeIsolated()
        closed.whenComplete { _ in self.open[id] = nil }
        return closed
    }

    /// Closes all connections; succeeds once they are closed.
    func stop() -> EventLoopFuture<Void> {
        isStopped = true
        let closed = open.values.map(\.closeFuture)
        for channel in open.values { channel.close(promise: nil) }
        return EventLoopFuture.andAllComplete(closed, on: loop)
    }

    /// Connects to the target if the rules allow its addresses, and relays between it and the client.
    /// - Parameters:
    ///   - isWanted: whether the client is still waiting.
    ///   - then: receives the refusal, or `nil` when connected.
    func connect(
        _ client: Relay, to target: EgressTarget, isWanted: @escaping () -> Bool,
        then: @escaping (EgressRefusal?) -> Void
    ) {
        switch target.host {
        case .address(let address):
            connect(client, to: target, at: [address], isWanted: isWanted, then: then)
        case .name(let name):
            lookups.lookUp(name, isWanted: isWanted) { answers in
                self.connect(client, to: target, at: answers, isWanted: isWanted, then: then)
            }
        }
    }

    private func connect(
        _ client: Relay, to target: EgressTarget, at answers: [IPAddress], isWanted: @escaping () -> Bool,
        then: @escaping (EgressRefusal?) -> Void
    ) {
        guard !answers.isEmpty else { return then(.unknownName(target.host)) }
        if let refusal = rules.refusal(of: target.host, at: answers, from: .current()) {
            return then(refusal)
        }
        var addresses = answers[...].prefix(Self.maxAttempts)
        let timeout = TimeAmount.milliseconds(rules.connectMilliseconds / Int64(addresses.count))
        /// Tries the addresses in turn: only those that were checked.
        func attempt() {
            guard !isStopped, isWanted() else { return }
            guard let address = addresses.popFirst() else { return then(.unreachable(target.host, target.port)) }
            reach(address, target, for: client, within: timeout).whenComplete { result in
                guard case .success(let channel) = result else { return attempt() }
                guard !self.isStopped, isWanted() else { return channel.close(promise: nil) }
                then(nil)
            }
        }
        attempt()
    }

    private static let maxAttempts = 3

    private func reach(
        _ address: IPAddress, _ target: EgressTarget, for client: Relay, within timeout: TimeAmount
    ) -> EventLoopFuture<any Channel>.Isolated {
        let bound = NIOLoopBound((session: self, client: client), eventLoop: loop)
        let isTunnel = target.path == nil
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(timeout)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try bound.value.session.prepare(channel, for: bound.value.client, isTunnel: isTunnel)
                }
            }
        do {
            return connecting.connect(to: try address.socketAddress(port: target.port)).assumeIsolated()
        } catch {
            return loop.makeFailedFuture(error).assumeIsolated()
        }
    }

    private func prepare(_ channel: any Channel, for client: Relay, isTunnel: Bool) throws {
        _ = track(channel)
        let relay = Relay(isTunnel ? .tunnel : .request)
        relay.join(client)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(MeterHandler(meter))
        try pipeline.addHandler(IdleStateHandler(allTimeout: .milliseconds(rules.idleMilliseconds)))
        if !isTunnel {
            // The body is framed as the client framed it.
            var framing = HTTPRequestEncoder.Configuration()
            framing.automaticallySetFramingHeaders = false
            try pipeline.addHandler(HTTPRequestEncoder(configuration: framing))
        }
        try pipeline.addHandler(relay)
    }
}
