/// Why we close a socket (RFC 6455, 7.4.1).
package enum SocketCloseCode: UInt16, Sendable {
    case normal = 1000
    /// The server is shutting down.
    case goingAway = 1001
    case protocolError = 1002
    /// A binary message: every system speaks JSON.
    case unsupportedData = 1003
    /// Text that isn't UTF-8.
    case invalidPayload = 1007
    /// A bad credential, too many messages, no answer to a ping.
    case policyViolation = 1008
    case messageTooBig = 1009
    case internalError = 1011
    /// The client reads too slowly, or we can't serve now.
    case tryAgainLater = 1013
}

/// The socket is closed, or closing: nothing more can be sent.
package struct SocketClosed: Error {}

/// What a client sent that ends its socket.
struct SocketFault: Error, Equatable {
    let code: SocketCloseCode
    let reason: String

    init(_ code: SocketCloseCode, _ reason: String) {
        self.code = code
        self.reason = reason
    }
}
