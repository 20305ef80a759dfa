internal import Bytes
internal import Domain
internal import Synchronization
internal import Wire

/// Sends one job's log and progress to the server: buffered for a quarter of a second or 16 KiB, one call at a time,
/// retried until answered. Each piece carries its offset, so that the server stores it once.
final class ProgressStream: Sendable {
    /// Half of the limit per call: control characters grow sixfold in JSON, and bodies are limited to 1 MiB.
    private static let maxPieceBytes = WireLimits.logBytes.upperBound / 2
    private static let flushBytes = 16 << 10

    private struct State {
        var log: [UInt8] = []
        /// Bytes of the log already sent.
        var offset = 0
        var percent: Double?
        var message: String?
        var isClosed = false
        /// The buffered data has waited long enough.
        var isDue = false

        var isReady: Bool { isClosed || isDue || log.count >= ProgressStream.flushBytes }
        var isEmpty: Bool { log.isEmpty && percent == nil && message == nil }
    }

    private let job: ClaimedJob
    private let client: LeaseClient
    private let handle: JobHandle
    private let world: World
    private let state = Mutex(State())
    private let changed = Wakeup()

    init(job: ClaimedJob, client: LeaseClient, handle: JobHandle, world: World) {
        self.job = job
        self.client = client
        self.handle = handle
        self.world = world
    }

    func log(_ text: RawText) {
        let shouldWake = state.withLock { state in
            let wasEmpty = state.isEmpty
            state.log.append(contentsOf: text.bytes)
            return wasEmpty || state.isReady
        }
        if shouldWake { changed.notify() }
    }

    func progress(_ percent: Double, _ message: String?) {
        state.withLock { state in
            state.percent = percent
            if let message { state.message = Self.truncated(message, WireLimits.messageBytes.upperBound) }
        }
        changed.notify()
    }

    /// No more data follows; `run` returns once everything is sent.
    func close() {
        state.withLock { $0.isClosed = true }
        changed.notify()
    }

    /// Runs until closed and empty, cancelled, or the lease is lost.
    func run() async {
        while !Task.isCancelled {
            await awaitFlush()
            guard let report = next() else {
                if state.withLock(\.isClosed) { return }
                await changed.wait()
                continue
            }
            guard await send(report) else { return }
        }
    }

    /// Waits for more data, but at most a quarter of a second, and not once the job has ended.
    private func awaitFlush() async {
        guard state.withLock({ !$0.isReady && !$0.isEmpty }) else { return }
        let timer = Task {
            guard (try? await world.sleep(.milliseconds(250))) != nil else { return }
            state.withLock { $0.isDue = true }
            changed.notify()
        }
        defer { timer.cancel() }
        while !Task.isCancelled, !state.withLock(\.isReady) { await changed.wait() }
    }

    private func next() -> ProgressReport? {
        state.withLock { state in
            guard !state.isEmpty else { return nil }
            var end = min(state.log.count, Self.maxPieceBytes)
            // Not within a character, which has up to three more bytes after its first.
            for _ in 0..<3 where end < state.log.count && state.log[end] & 0xC0 == 0x80 { end -= 1 }
            let log = state.log.isEmpty ? nil : RawText(state.log[..<end])
            state.log.removeFirst(end)
            defer { (state.percent, state.message, state.offset, state.isDue) = (nil, nil, state.offset + end, false) }
            return ProgressReport(
                claimToken: job.claimToken, percent: state.percent, message: state.message, log: log,
                logOffset: log.map { _ in state.offset })
        }
    }

    /// Returns whether to continue.
    private func send(_ report: ProgressReport) async -> Bool {
        var backoff = RetryDelay(maxMilliseconds: 10_000)
        while !Task.isCancelled {
            do {
                try await client.progress(job.id, report)
                return true
            } catch {
                switch error {
                case .lost, .ended:
                    handle.stop(.lost)
                    return false
                // Not worth failing the job for.
                case .refused: return true
                case .overloaded, .unreachable, .unauthorized:
                    let wait = backoff.milliseconds(in: world, atLeast: error.retryAfter)
                    try? await world.sleep(.milliseconds(wait))
                }
            }
        }
        return false
    }

    /// The longest prefix of whole characters within `limit` bytes.
    static func truncated(_ text: String, _ limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var size = 0
        let start = text.prefix { character in
            size += character.utf8.count
            return size <= limit
        }
        return String(start)
    }
}
