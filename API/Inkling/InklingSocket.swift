internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// A device's WebSocket: its new telegrams and postcards, from a position on (CONTRACT 8).
enum InklingSocket {
    static let routes = [
        Route.socket(
            "/inkling", "inklingSocket",
            "A device's new telegrams and postcards, after a signed hello as its first message.", metering: .failures,
            serve)
    ].tagged("WebSockets")

    /// How often a silent socket looks by itself, should a hint have been lost, and how long it waits for a hello.
    private static let lookEvery = Duration.seconds(10)
    private static let clock = "inkling_socket"
    /// How much mail one look reads at once.
    private static let step = 20

    private static func serve(_ call: Call, _ anyone: PublicContext, _ socket: WebSocket) async throws {
        var listener: Listener?
        let seat = LateSeat(call.dependencies.seats)
        defer { seat.leave() }
        var ticks = 0
        socket.follow(clock, every: lookEvery)
        for await event in socket.events {
            switch event {
            case .text(let text):
                guard listener == nil else {
                    try await socket.send(Problem(.badRequest, "unknown_type", "The server expects no more messages"))
                    continue
                }
                do {
                    let hello = try await greet(text, call, seat)
                    listener = try await welcome(hello, call, socket)
                } catch let error as SocketClosed {
                    throw error
                } catch {
                    // Whoever tries out signatures pays for it.
                    try call.chargeAddress()
                    let problem = call.problem(of: error)
                    try await socket.send(problem)
                    throw problem
                }
            case .published(let topic):
                if topic == clock { ticks += 1 }
                guard listener != nil || ticks < 2 else {
                    return socket.close(.policyViolation, "no hello in \(lookEvery)")
                }
                guard try await listener?.look() ?? true else {
                    return socket.close(.policyViolation, "Device is banned")
                }
            case .rateLimited:
                try await socket.send(Problem(.tooManyRequests, "rate_limited", "too many messages; send fewer"))
            }
        }
    }

    // MARK: The hello

    private struct Wish: SignedPayload {
        let since: Int64?

        private enum Action: String, CaseIterable { case listen }

        static let payload = Input {
            required("action", Format<Action>.choice)
            optional("since", InklingShapes.count)
        }
        .map { _, since throws(FieldError) in Wish(since: since) }
        static let signed = payload.signed
    }

    private enum Greeting: String, CaseIterable { case hello }

    private static let hello = Input(
        InputFields { required("type", Format<Greeting>.choice) }.then(SignedBody.fields(Wish.payload))
    ).missingFirst

    /// Lets a hello in, once, if there is a seat: one that is refused leaves nothing.
    private static func greet(
        _ text: [UInt8], _ call: Call, _ seat: LateSeat
    ) async throws -> SignedContext<Wish> {
        let caller = try SignedContext(
            hello.read(JSON(parsing: text)).1, call, isSpaced: SignedForms.isSpaced(text))
        try await call.database.write { tx in
            try caller.admit(in: tx)
            _ = try tx.takeDaily(InklingQuota.hellos.daily, by: caller.key.text)
            try seat.take("inkling \(caller.key.text)", most: 5)
        }
        return caller
    }

    private struct Place: Sendable {
        let key: InklingKey
        let position: Int64
        let oldest: Int64
    }

    private static let connected = Shape<Place> {
        constant("type", "connected")
        field("public_key", InklingShapes.key) { $0.key }
        field("position", InklingShapes.count) { $0.position }
        field("oldest", InklingShapes.count) { $0.oldest }
    }

    private static func welcome(
        _ hello: SignedContext<Wish>, _ call: Call, _ socket: WebSocket
    ) async throws -> Listener {
        let (oldest, last) = try await call.database.read { try $0.mailBounds(of: hello.key) }
        try await socket.send(connected.bytes(Place(key: hello.key, position: last, oldest: oldest)))
        // Told at once what came since.
        socket.follow(InklingTopic.mail(hello.key), every: nil)
        return Listener(
            call: call, socket: socket, key: hello.key, position: min(hello.payload.since ?? last, last))
    }

    // MARK: Mail

    /// A device at its socket, with the position up to which it was told. For one task.
    private final class Listener {
        private let call: Call
        private let socket: WebSocket
        private let key: InklingKey
        private var position: Int64

        init(call: Call, socket: WebSocket, key: InklingKey, position: Int64) {
            self.call = call
            self.socket = socket
            self.key = key
            self.position = position
        }

        /// Tells what is new. False when the device may not be here any more.
        func look() async throws -> Bool {
            let key = key
            let (last, isBanned) = try await call.database.read { try $0.mailEnd(of: key) }
            guard !isBanned else { return false }
            while position < last {
                let after = position
                let mail = try await call.database.read { try $0.mail(of: key, after: after, upTo: last, limit: step) }
                for letter in mail { try await socket.send(InklingSocket.letter.bytes(letter)) }
                // What is not there any more is passed over.
                position = mail.last?.position ?? last
            }
            return true
        }
    }

    private static let letter = Shape<InklingMail>(.anyObject) { mail, writer in
        writer.beginObject()
        switch mail {
        case .telegram(let telegram):
            writer.field("type", "telegram")
            writer.field("position", telegram.position)
            writer.key("telegram")
            InklingShapes.telegram.write(telegram, &writer)
        case .postcard(let postcard):
            writer.field("type", "postcard")
            writer.field("position", postcard.position)
            writer.key("postcard")
            InklingShapes.postcard.write(postcard, &writer)
        }
        writer.endObject()
    }

    private static let refused = Shape<Problem> {
        constant("type", "error")
        InklingEnvelope.refusal
    }

    fileprivate static func bytes(_ problem: Problem) -> [UInt8] { refused.bytes(problem) }
}

extension WebSocket {
    fileprivate func send(_ problem: Problem) async throws(SocketClosed) {
        try await send(InklingSocket.bytes(problem))
    }
}
