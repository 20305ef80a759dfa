internal import Glibc

/// What the kernel says of locks and signals.
package enum KernelLocks {
    /// The process that holds a lock of `flock` on an open file, by the kernel's list, whose lines are
    /// `1: FLOCK ADVISORY WRITE 4711 08:01:131090 0 EOF`; `nil` if it isn't there, or of another world.
    package static func holder(of file: Int32) -> Int32? {
        var status = stat()
        guard fstat(file, &status) == 0, let list = fopen("/proc/locks", "re") else { return nil }
        defer { fclose(list) }
        let inode = ":\(status.st_ino)"
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, CInt(line.count), list) != nil {
            let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
            guard words.count > 5, words[1] == "FLOCK", words[5].hasSuffix(inode) else { continue }
            return Int32(words[4]).flatMap { $0 > 0 ? $0 : nil }
        }
        return nil
    }

    /// Whether SIGHUP was ignored when this process started, as `nohup` does it. Ask before any signal is trapped.
    package static var ignoresHangUp: Bool {
        var action = sigaction()
        guard sigaction(SIGHUP, nil, &action) == 0 else { return false }
        // SIG_IGN is no constant to Swift: 1 in C.
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }
}
