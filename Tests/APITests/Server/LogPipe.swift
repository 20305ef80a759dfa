import Glibc

/// A pipe that a log writes into; nobody reads unless asked.
final class LogPipe {
    let reader: Int32
    let writer: Int32

    struct NoPipe: Error {}

    init() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw NoPipe() }
        reader = ends[0]
        writer = ends[1]
    }

    deinit {
        close(reader)
        close(writer)
    }

    /// Waits for a line and returns it. Blocks: ask when it is sure to come.
    func nextLine() -> String {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(reader, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        return String(decoding: line, as: UTF8.self)
    }
}
