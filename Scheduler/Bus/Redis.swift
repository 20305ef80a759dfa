internal import CHiredis
internal import Dispatch
internal import Glibc
internal import Synchronization

/// A small Redis client: one connection on its own serial queue, commands that wait together travel together.
///
/// It fails fast. A command is taken only while the server is known to answer; after a failure every command is
/// refused at once until a probe, every `probeMilliseconds`, has got through again. So an outage costs a caller at most
/// one command's time limit.
package final class Redis: Sendable {
    private struct Waiting {
        let arguments: [String]
        let deadline: UInt64
        let answer: CheckedContinuation<RedisReply, any Error>
    }

    private enum Link {
        case connecting
        case up
        case down(String)
        case closed
    }

    private struct State {
        var link = Link.connecting
        var waiting: [Waiting] = []
        var isScheduled = false
        var firstAttempt: [CheckedContinuation<Void, Never>] = []
        var failures = 0
    }

    private let settings: RedisSettings
    private let queue = DispatchQueue(label: "redis")
    private let state = Mutex(State())
    /// Touched on `queue` only.
    private let connection = QueueBound<RedisConnection?>(nil)

    private init(_ settings: RedisSettings) { self.settings = settings }

    /// Returns after the first attempt to connect, whether it got through or not; it goes on trying.
    package static func open(_ settings: RedisSettings) async -> Redis {
        let redis = Redis(settings)
        redis.queue.async { redis.probe() }
        await withCheckedContinuation { continuation in
            let isOver = redis.state.withLock { state in
                guard case .connecting = state.link else { return true }
                state.firstAttempt.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
        return redis
    }

    /// Sends one command. Throws `RedisError`.
    package func command(_ arguments: [String]) async throws -> RedisReply {
        try await withCheckedThrowingContinuation { continuation in
            let deadline = Self.now() + UInt64(settings.commandTimeoutMilliseconds) * 1_000_000
            let refusal = enqueue(Waiting(arguments: arguments, deadline: deadline, answer: continuation))
            if let refusal { continuation.resume(throwing: refusal) }
        }
    }

    /// Takes the key for itself until it expires: true for the first caller, false for all others. `SET NX PX`.
    package func reserve(_ key: String, milliseconds: Int64) async throws -> Bool {
        try await command(["SET", key, "1", "NX", "PX", String(max(1, milliseconds))]) != .null
    }

    /// Forgets a reservation that came to nothing.
    package func release(_ key: String) async throws {
        _ = try await command(["DEL", key])
    }

    package func health() async -> RedisHealth {
        let start = Self.now()
        do {
            _ = try await command(["PING"])
            return RedisHealth(isHealthy: true, pingMicroseconds: Int64((Self.now() - start) / 1_000), error: nil)
        } catch {
            let text = if case .unavailable(let text)? = error as? RedisError { text } else { "\(error)" }
            return RedisHealth(isHealthy: false, pingMicroseconds: 0, error: text)
        }
    }

    /// Whether the server may throw away keys that have not expired. A nonce store must not (PROMISES R4).
    package func mayEvict() async throws -> Bool {
        guard case .text(let info) = try await command(["INFO", "memory"]) else { return false }
        let policy = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("maxmemory_policy:") }
        return policy.map { !$0.hasSuffix(":noeviction") } ?? false
    }

    /// Connections lost or refused since the start.
    package var failureCount: Int { state.withLock { $0.failures } }

    /// Refuses what waits and what comes.
    package func close() {
        let waiting = state.withLock { state in
            state.link = .closed
            defer { state.waiting = [] }
            return state.waiting
        }
        for item in waiting { item.answer.resume(throwing: RedisError.unavailable("closed")) }
        queue.async { self.connection.value = nil }
    }

    private func enqueue(_ item: Waiting) -> RedisError? {
        let (refusal, mustSchedule): (RedisError?, Bool) = state.withLock { state in
            switch state.link {
            case .connecting: return (.unavailable("connecting"), false)
            case .down(let reason): return (.unavailable(reason), false)
            case .closed: return (.unavailable("closed"), false)
            case .up:
                guard state.waiting.count < settings.queueLimit else { return (.unavailable("queue full"), false) }
                state.waiting.append(item)
                defer { state.isScheduled = true }
                return (nil, !state.isScheduled)
            }
        }
        if mustSchedule { queue.async { self.drain() } }
        return refusal
    }
}

/// What happens on the queue.
extension Redis {
    /// Serves what waits until nothing does.
    private func drain() {
        Self.shieldFromBrokenPipes()
        while true {
            let batch: [Waiting] = state.withLock { state in
                let batch = Array(state.waiting.prefix(64))
                state.waiting.removeFirst(batch.count)
                if batch.isEmpty { state.isScheduled = false }
                return batch
            }
            if batch.isEmpty { return }
            let now = Self.now()
            for item in batch where item.deadline <= now {
                item.answer.resume(throwing: RedisError.unavailable("timed out waiting"))
            }
            serve(batch.filter { $0.deadline > now })
        }
    }

    private func serve(_ batch: [Waiting]) {
        var answered = 0
        do throws(RedisError) {
            guard let connection = connection.value else { throw .unavailable("not connected") }
            for item in batch { try connection.append(item.arguments) }
            for item in batch {
                let result = try connection.next()
                answered += 1
                item.answer.resume(with: result.mapError { $0 })
            }
        } catch {
            fail(error)
            for item in batch[answered...] { item.answer.resume(throwing: error) }
        }
    }

    /// The connection is lost: refuse what waits, and try again later.
    private func fail(_ error: RedisError) {
        let reason = if case .unavailable(let text) = error { text } else { "\(error)" }
        connection.value = nil
        let (waiting, first, isClosed) = state.withLock { state in
            state.failures += 1
            let isClosed = if case .closed = state.link { true } else { false }
            if !isClosed { state.link = .down(reason) }
            defer {
                state.waiting = []
                state.firstAttempt = []
            }
            return (state.waiting, state.firstAttempt, isClosed)
        }
        for item in waiting { item.answer.resume(throwing: error) }
        for continuation in first { continuation.resume() }
        guard !isClosed else { return }
        probeLater()
    }

    private func probeLater() {
        queue.asyncAfter(deadline: .now() + .milliseconds(settings.probeMilliseconds)) { [weak self] in self?.probe() }
    }

    /// Connects when there is no connection, else sees that it still lives: a server that restarted while nobody
    /// asked is found before somebody does.
    private func probe() {
        Self.shieldFromBrokenPipes()
        if case .closed = state.withLock({ $0.link }) { return }
        do throws(RedisError) {
            if let connection = connection.value {
                _ = try connection.run(["PING"])
                return probeLater()
            }
            connection.value = try RedisConnection(settings)
            let first = state.withLock { state in
                if case .closed = state.link { return state.firstAttempt }
                state.link = .up
                defer { state.firstAttempt = [] }
                return state.firstAttempt
            }
            for continuation in first { continuation.resume() }
            probeLater()
        } catch {
            fail(error)
        }
    }

    /// hiredis writes to a socket whose other end may be gone; the signal would end the process.
    private static func shieldFromBrokenPipes() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Nanoseconds from some start.
    private static func now() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}

/// A value that one serial queue owns.
private final class QueueBound<Value>: @unchecked Sendable {
    var value: Value

    init(_ value: Value) { self.value = value }
}
