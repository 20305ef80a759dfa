internal import Glibc

/// Standard output and error, unbuffered: what a command says is there when it is said.
enum Output {
    static let isTerminal = isatty(STDOUT_FILENO) == 1

    static func line(_ text: String) {
        write(Array((text + "\n").utf8), to: STDOUT_FILENO)
    }

    static func text(_ text: String) {
        write(Array(text.utf8), to: STDOUT_FILENO)
    }

    static func bytes(_ bytes: [UInt8]) {
        write(bytes, to: STDOUT_FILENO)
    }

    static func error(_ text: String) {
        write(Array((text + "\n").utf8), to: STDERR_FILENO)
    }

    /// Columns of the terminal, 80 when it doesn't say.
    static var columns: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Text that somebody else wrote, without the control characters that would steer our terminal.
    static func tame(_ text: String) -> String {
        guard isTerminal else { return text }
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter { scalar in
                    scalar == "\t" || !(scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value))
                }))
    }

    private static func write(_ bytes: [UInt8], to file: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if errno != EINTR {
                // The reader has gone: the exit code a shell shows for SIGPIPE.
                if errno == EPIPE, file == STDOUT_FILENO { exit(141) }
                return
            }
        }
    }
}

/// One line that is rewritten in place on a terminal; a line for every change when piped.
struct StatusLine {
    private var shown = ""

    /// Something that stays, above the status.
    mutating func line(_ text: String) {
        guard Output.isTerminal, !shown.isEmpty else { return Output.line(text) }
        Output.text("\r\u{1B}[2K\(text)\n\(shown)")
    }

    mutating func update(_ text: String) {
        guard Output.isTerminal else {
            if text != shown { Output.line("-- \(text)") }
            shown = text
            return
        }
        let line = String(text.prefix(max(1, Output.columns - 1)))
        guard line != shown else { return }
        shown = line
        Output.text("\r\u{1B}[2K\(shown)")
    }

    /// The last status stays where it is; when piped it has been written already.
    mutating func end() {
        if Output.isTerminal, !shown.isEmpty { Output.text("\n") }
        shown = ""
    }
}

/// Columns as wide as their widest cell; the last one is ragged.
struct Table {
    private var rows: [[String]] = []

    init(_ head: String...) {
        rows.append(head)
    }

    mutating func row(_ cells: String...) {
        rows.append(cells)
    }

    var lines: [String] {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in
            rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
            }.joined(separator: "  ")
        }
    }
}
