import Foundation
import Glibc

/// Runs `body` on a thread of its own: libpq blocks, and Swift's own threads may not.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.name = name
    thread.stackSize = 4 << 20
    thread.start()
}

/// Sleeps this thread: for those that are not Swift's.
func pauseThread(milliseconds: Int) {
    usleep(UInt32(clamping: milliseconds * 1_000))
}

/// Waits until a file is ready; false if it takes longer. A negative time is for ever.
func waitForFile(_ file: Int32, _ events: Int32, milliseconds: Int) -> Bool {
    var entry = pollfd(fd: file, events: Int16(truncatingIfNeeded: events), revents: 0)
    while true {
        let ready = poll(&entry, 1, Int32(clamping: milliseconds))
        if ready >= 0 || errno != EINTR { return ready != 0 }
    }
}

/// Interrupts a thread that waits for files.
final class ThreadSignal: Sendable {
    let reading: Int32
    private let writing: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        // Made once, when the database is opened.
        precondition(pipe(&ends) == 0, "no pipe to be had")
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit {
        _ = close(reading)
        _ = close(writing)
    }

    func ring() {
        var byte: UInt8 = 1
        _ = write(writing, &byte, 1)
    }

    /// Forgets that it was rung.
    func silence() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(reading, &bytes, bytes.count) > 0 {}
    }
}
