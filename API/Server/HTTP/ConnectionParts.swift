internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1

/// Requests as they come, and the end.
extension ClientConnection {
    /// Whether a request asks for another protocol. Its answer is the last one, whatever it is: the decoder takes what
    /// follows for the other protocol, and doesn't parse it.
    static func asksForUpgrade(_ head: HTTPRequest) -> Bool {
        head.method == .connect || head.headerFields.contains { $0.name == .upgrade }
    }

    /// Throws for a method that is no token.
    static func request(_ head: HTTPRequestHead) throws -> HTTPRequest {
        HTTPRequest(
            method: try HTTPRequest.Method(head.method), scheme: "http", authority: head.headers.first(name: "Host"),
            path: RequestTarget.origin(head.uri), headerFields: HTTPFields(head.headers, splitCookie: false))
    }

    /// Closes it as soon as the client has taken what it was sent, or has had the time of an idle one for it.
    func closeWritten() {
        onLoop {
            guard let context = self.context else { return }
            context.eventLoop.scheduleTask(in: self.idleTimeout) { [channel = self.channel] in
                channel.close(promise: nil)
            }
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.whenComplete { [channel = self.channel] _ in channel.close(promise: nil) }
            context.writeAndFlush(self.wrapOutboundOut(.byteBuffer(ByteBuffer())), promise: written)
        }
    }
}
