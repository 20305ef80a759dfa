internal import Dispatch
internal import Glibc
internal import Synchronization

/// Lines on their way to a descriptor. Writers never wait: a reader that doesn't read costs lines, not service.
package final class LogSink: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var isScheduled = false
        var dropped = 0
        /// Bytes in the file.
        var length = 0
        /// Where the same lines go as well.
        var copy: LogSink?
    }

    package static let standardError = LogSink(descriptor: STDERR_FILENO)

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "log")
    private let descriptor: Int32
    private let capacity: Int
    private let lengthLimit: Int?

    /// - Parameters:
    ///   - capacity: bytes that may wait; lines beyond are counted and dropped.
    ///   - lengthLimit: bytes of a file, which is emptied before it grows beyond.
    package init(descriptor: Int32, capacity: Int = 1 << 20, lengthLimit: Int? = nil) {
        self.descriptor = descriptor
        self.capacity = capacity
        self.lengthLimit = lengthLimit
    }

    /// From now on lines go there as well.
    package func copy(to other: LogSink) { state.withLock { $0.copy = other } }

    /// One line, without its end.
    package func write(_ line: some Collection<UInt8>) {
        let mustSchedule = state.withLock { state in
            guard state.waiting.count + line.count < capacity else {
                state.dropped += 1
                return false
            }
            state.waiting.append(contentsOf: line)
            state.waiting.append(UInt8(ascii: "\n"))
            defer { state.isScheduled = true }
            state.copy?.write(line)
            return !state.isScheduled
        }
        if mustSchedule { queue.async { self.flush() } }
    }

    /// Lines dropped since the start.
    package var droppedCount: Int { state.withLock { $0.dropped + ($0.copy?.droppedCount ?? 0) } }

    /// Waits until what was written so far is out, at most this long.
    package func drain(milliseconds: Int) {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + .milliseconds(milliseconds))
        state.withLock(\.copy)?.drain(milliseconds: milliseconds)
    }

    private func flush() {
        while true {
            let bytes = state.withLock { state in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.isScheduled = false }
                return state.waiting
            }
            if bytes.isEmpty { return }
            if let lengthLimit, isFull(lengthLimit, with: bytes.count) { ftruncate(descriptor, 0) }
            bytes.withUnsafeBytes { write($0) }
        }
    }

    /// Counts what comes on top.
    private func isFull(_ limit: Int, with more: Int) -> Bool {
        state.withLock { state in
            let isFull = state.length + more > limit
            state.length = isFull ? more : state.length + more
            return isFull
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            } else if count < 0, errno == EAGAIN {
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, 1_000)
            } else if count < 0, errno != EINTR {
                return
            }
        }
    }
}
