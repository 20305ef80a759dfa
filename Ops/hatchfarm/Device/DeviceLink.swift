internal import Bytes
internal import Synchronization

/// A device's socket: commands come through it, and a call is answered by the message with its `requestId`.
final class DeviceLink: Sendable {
    struct NoAnswer: Error {}

    /// Bytes of one message that the server takes.
    private static let messageBytes = 64 << 10
    private static let timeout = Duration.seconds(10)

    private struct State {
        var calls: [String: CheckedContinuation<JSON, any Error>] = [:]
        var isClosed = false
    }

    private let socket: ClientSocket
    private let world: World
    private let state = Mutex(State())

    private init(_ socket: ClientSocket, world: World) {
        self.socket = socket
        self.world = world
    }

    /// - Throws: as `ClientSocket.open`.
    static func open(_ identity: DeviceIdentity, world: World) async throws -> DeviceLink {
        let credentials = [
            (name: "X-Device-Id", value: identity.id), (name: "X-Device-Secret", value: identity.secret),
        ]
        return DeviceLink(
            try await ClientSocket.open(identity.server, "/ws/device", credentials, world: world), world: world)
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    func close() { socket.close() }

    /// Reads until the socket is closed, and returns why. What answers no call is delivered. Call once.
    func run(_ deliver: @escaping @Sendable (JSON) async -> Void) async -> String {
        while let bytes = await socket.next() {
            guard let message = try? JSON(parsing: bytes, limits: JSONLimits(depth: 64, keys: 100_000)) else {
                continue
            }
            if let id = message["requestId"]?.string, resolve(id, .success(message)) { continue }
            await deliver(message)
        }
        let calls = state.withLock { state -> [CheckedContinuation<JSON, any Error>] in
            state.isClosed = true
            let calls = Array(state.calls.values)
            state.calls = [:]
            return calls
        }
        for call in calls { call.resume(throwing: NoAnswer()) }
        return socket.ending
    }

    /// Sends a message, and returns the one that answers it: an acknowledgement, or an error.
    /// - Throws: when there is none within 10 s: it may have arrived or not.
    func call(_ type: String, _ data: JSON) async throws -> JSON {
        let id = Hex.encode(world.random(8))
        let message: JSON = ["type": .string(type), "data": data, "requestId": .string(id)]
        let bytes = message.bytes(.compact)
        guard bytes.count <= Self.messageBytes else { throw NoAnswer() }
        let timer = Task { [world] in
            try await world.sleep(Self.timeout)
            self.resolve(id, .failure(NoAnswer()))
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (answer: CheckedContinuation<JSON, any Error>) in
                let isOpen = state.withLock { state in
                    if !state.isClosed { state.calls[id] = answer }
                    return !state.isClosed
                }
                guard isOpen else { return answer.resume(throwing: NoAnswer()) }
                // Before the call was known, a cancellation found nothing to end.
                guard !Task.isCancelled else {
                    self.resolve(id, .failure(CancellationError()))
                    return
                }
                Task {
                    do { try await socket.send(bytes) } catch { self.resolve(id, .failure(NoAnswer())) }
                }
            }
        } onCancel: {
            resolve(id, .failure(CancellationError()))
        }
    }

    /// Returns whether there was such a call.
    @discardableResult
    private func resolve(_ id: String, _ result: Result<JSON, any Error>) -> Bool {
        guard let call = state.withLock({ $0.calls.removeValue(forKey: id) }) else { return false }
        call.resume(with: result)
        return true
    }
}
