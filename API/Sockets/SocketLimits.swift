/// What one client of a socket may cost us. The defaults are those of CONTRACT 6 and PROMISES 3.7.
package struct SocketLimits: Sendable {
    /// Bytes of one frame.
    package var frameBytes = 64 << 10
    /// Bytes of one message, however many frames it comes in.
    package var messageBytes = 64 << 10
    /// Frames that one message may come in.
    package var fragments = 256
    /// Messages from the client. Pings, pongs and the like have a bucket of the same size.
    package var rate = Rate(burst: 20, perSecond: 10)
    /// Messages over the rate that are dropped before the socket is closed. Counted afresh after 10 s without one.
    package var excess = 20
    /// Messages that may wait for the handler before no more are read.
    package var backlog = 16
    /// Bytes that may wait for a slow reader before the socket is closed.
    package var queueBytes = 256 << 10
    /// How often the client is pinged; one that didn't answer by the next ping is closed.
    package var pingInterval = Duration.seconds(30)
    /// How long a handler may take to deal with what came before a close, and the client to answer ours.
    package var closeTimeout = Duration.seconds(5)

    package init() {}

    package static let standard = SocketLimits()
}
