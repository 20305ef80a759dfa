import Glibc
import Synchronization

/// One connection that listens, for all channels and all readers; it begins with the first of them, and connects
/// again whenever it is lost.
final class PostgresListener: Sendable {
    private struct State {
        var readers: [String: [Int: AsyncStream<String>.Continuation]] = [:]
        var lastReader = 0
        var isRunning = false
        var isStopped = false
    }

    /// Under which the server lists it: others see by it that somebody listens.
    static let name = "hatchfarm listener"

    private let url: String
    private let settings: DatabaseSettings
    private let state = Mutex(State())
    /// Interrupts the wait for the server.
    private let signal = ThreadSignal()

    init(_ url: String, _ settings: DatabaseSettings) {
        self.url = url
        self.settings = settings
    }

    func subscribe(_ channel: String) -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(4_096))
        let (reader, begins) = state.withLock { state in
            state.lastReader += 1
            state.readers[channel, default: [:]][state.lastReader] = continuation
            let begins = !state.isRunning && !state.isStopped
            if begins { state.isRunning = true }
            return (state.lastReader, begins)
        }
        continuation.onTermination = { [weak self] _ in self?.unsubscribe(channel, reader) }
        if begins { startThread("pg-listen") { self.listen() } }
        signal.ring()
        return stream
    }

    func stop() {
        let readers = state.withLock { state in
            state.isStopped = true
            return state.readers.values.flatMap(\.values)
        }
        for reader in readers { reader.finish() }
        signal.ring()
    }

    private func unsubscribe(_ channel: String, _ reader: Int) {
        state.withLock { state in
            state.readers[channel]?[reader] = nil
            if state.readers[channel]?.isEmpty == true { state.readers[channel] = nil }
        }
        signal.ring()
    }

    /// The thread: connects, listens, and after a loss connects again, after 50 ms at first and then up to 1 s.
    private func listen() {
        var delay = 50
        while !state.withLock({ $0.isStopped }) {
            do {
                let link = try PostgresLink.connect(to: url, settings)
                delay = 50
                try follow(link)
            } catch {
                // What is sent meanwhile is lost, as hints may be; the pool tells the world of the outage.
                if waitForFile(signal.reading, POLLIN, milliseconds: delay) { signal.silence() }
                delay = min(delay * 2, 1_000)
            }
        }
    }

    private func follow(_ link: PostgresLink) throws {
        var heard: Set<String> = []
        try link.command("SET application_name = '\(Self.name)'")
        while true {
            let (wanted, isStopped) = state.withLock { (Set($0.readers.keys), $0.isStopped) }
            if isStopped { return }
            for channel in wanted.subtracting(heard) { try link.listen(to: channel) }
            for channel in heard.subtracting(wanted) { try link.stopListening(to: channel) }
            heard = wanted
            for (channel, payload) in try link.notifications() { deliver(payload, to: channel) }
            var files = [
                pollfd(fd: link.socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signal.reading, events: Int16(POLLIN), revents: 0),
            ]
            poll(&files, 2, -1)
            signal.silence()
        }
    }

    private func deliver(_ payload: String, to channel: String) {
        let readers = state.withLock { state in state.readers[channel].map { Array($0.values) } ?? [] }
        for reader in readers { reader.yield(payload) }
    }
}
