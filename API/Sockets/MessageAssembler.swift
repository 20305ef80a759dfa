internal import NIOCore
internal import NIOWebSocket

/// The frames of one client, checked and put together to messages (RFC 6455, 5.2–5.5). Their length, and that control
/// frames are short and whole, is the decoder's business.
struct MessageAssembler {
    enum Event: Equatable {
        /// UTF-8.
        case text([UInt8])
        case ping(ByteBuffer)
        case pong
        /// nil without a code.
        case close(code: UInt16?)
    }

    private let limits: SocketLimits
    /// The message at hand, as far as it came.
    private var bytes = ByteBuffer()
    /// The frames it came in; 0 between messages.
    private var frames = 0

    init(_ limits: SocketLimits) { self.limits = limits }

    /// nil while the message isn't whole.
    mutating func take(_ frame: WebSocketFrame) throws(SocketFault) -> Event? {
        guard !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
            throw SocketFault(.protocolError, "reserved bits without an extension")
        }
        guard frame.maskKey != nil else { throw SocketFault(.protocolError, "frame without a mask") }
        switch frame.opcode {
        case .text, .binary:
            guard frames == 0 else { throw SocketFault(.protocolError, "message within a message") }
            guard frame.opcode == .text else { throw SocketFault(.unsupportedData, "text messages only") }
            return try append(frame)
        case .continuation:
            guard frames > 0 else { throw SocketFault(.protocolError, "continuation of nothing") }
            return try append(frame)
        case .ping: return .ping(frame.unmaskedData)
        case .pong: return .pong
        case .connectionClose: return .close(code: try Self.code(frame.unmaskedData))
        default: throw SocketFault(.protocolError, "reserved opcode")
        }
    }

    private mutating func append(_ frame: WebSocketFrame) throws(SocketFault) -> Event? {
        guard bytes.readableBytes + frame.length <= limits.messageBytes else {
            throw SocketFault(.messageTooBig, "message over \(limits.messageBytes) bytes")
        }
        guard frames < limits.fragments else {
            throw SocketFault(.policyViolation, "message in over \(limits.fragments) frames")
        }
        bytes.writeImmutableBuffer(frame.unmaskedData)
        frames += 1
        guard frame.fin else { return nil }
        let whole = bytes
        bytes = ByteBuffer()
        frames = 0
        return .text(try Self.text(whole))
    }

    private static func text(_ buffer: ByteBuffer) throws(SocketFault) -> [UInt8] {
        let bytes = Array(buffer.readableBytesView)
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw SocketFault(.invalidPayload, "text that isn't UTF-8")
        }
        return bytes
    }

    private static func code(_ payload: ByteBuffer) throws(SocketFault) -> UInt16? {
        guard payload.readableBytes > 0 else { return nil }
        var reason = payload
        guard let code = reason.readInteger(as: UInt16.self), mayBeSent(code) else {
            throw SocketFault(.protocolError, "close with a code that may not be sent")
        }
        _ = try text(reason)
        return code
    }

    /// The codes of the standard and IANA's register, and those for libraries and applications.
    private static func mayBeSent(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
