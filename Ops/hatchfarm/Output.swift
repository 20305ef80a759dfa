internal import Glibc

/// Standard output and error, unbuffered.
enum Output {
    static let isTerminal = isatty(STDOUT_FILENO) == 1
    /// Whether lines may be rewritten in place on standard error.
    static let errorsAreTerminal = isatty(STDERR_FILENO) == 1
    /// Whether lines can be redrawn: a terminal with cursor movement.
    static let canRedraw = isTerminal && variable("TERM") != "dumb"
    /// False on terminals without it, or if `NO_COLOR` is set (no-color.org).
    static let hasColour = canRedraw && !Environment().isSet(\.noColour)

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
        errorText(text + "\n")
    }

    static func errorText(_ text: String) {
        write(Array(text.utf8), to: STDERR_FILENO)
    }

    /// Columns and rows of the terminal; if unknown, from `COLUMNS` and `LINES`, else 80 and 24.
    static func size(of file: Int32 = STDOUT_FILENO) -> (columns: Int, rows: Int) {
        var size = winsize()
        _ = ioctl(file, UInt(TIOCGWINSZ), &size)
        func measure(_ reported: UInt16, _ name: String, _ fallback: Int) -> Int {
            guard reported == 0 else { return Int(reported) }
            let number = variable(name).flatMap { Int($0) } ?? fallback
            return (1...10_000).contains(number) ? number : fallback
        }
        return (measure(size.ws_col, "COLUMNS", 80), measure(size.ws_row, "LINES", 24))
    }

    /// Untrusted text in output for people: with its control characters shown. Programs read `--json`.
    static func sanitized(_ text: String) -> String { Text.escaped(text) }

    /// A line of a log: as it is in a pipe, as `sanitized` on a terminal.
    static func logLine(_ line: String) -> String { isTerminal ? Text.escaped(line) : line }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    private static func write(_ bytes: [UInt8], to file: Int32) {
        // Of standard error there is nobody left to tell.
        guard let problem = Files.writeAll(bytes, to: file), file == STDOUT_FILENO else { return }
        // The reader is gone: the exit code that shells report for SIGPIPE.
        if problem == EPIPE { exit(141) }
        // Ends here, whoever writes: output that got lost is no success.
        let failure = Failure.unwritable("cannot write to standard output: \(Files.reason(problem))")
        error("hatchfarm: \(failure.message)")
        exit(failure.exitCode)
    }

    /// Opens those of the three standard descriptors that are closed, so that no other file or socket gets their
    /// numbers. Standard output can then not be written to, which is reported. To be called first.
    static func openStandardFiles() {
        for file in STDIN_FILENO...STDERR_FILENO where fcntl(file, F_GETFD) < 0 && errno == EBADF {
            _ = open("/dev/null", file == STDOUT_FILENO ? O_RDONLY : O_WRONLY)
        }
    }
}

/// A line that is updated in place on a terminal; when piped, every change is a line.
struct StatusLine {
    private let toErrors: Bool
    private var shown = ""

    /// - Parameter toErrors: write to standard error, if standard output is for programs.
    init(toErrors: Bool = false) {
        self.toErrors = toErrors
    }

    /// Prints a permanent line above the status.
    mutating func line(_ text: String) {
        guard isTerminal, !shown.isEmpty else { return put("\(text)\n") }
        put("\r\u{1B}[2K\(text)\n\(shown)")
    }

    mutating func update(_ text: String) {
        guard isTerminal else {
            if text != shown { put("-- \(text)\n") }
            shown = text
            return
        }
        let line = Text.truncated(text, to: columns - 1)
        guard line != shown else { return }
        shown = line
        put("\r\u{1B}[2K\(shown)")
    }

    /// Keeps the last status on a terminal; when piped it has already been written.
    mutating func end() {
        if isTerminal, !shown.isEmpty { put("\n") }
        shown = ""
    }

    var isTerminal: Bool { toErrors ? Output.errorsAreTerminal : Output.isTerminal }
    private var columns: Int { Output.size(of: toErrors ? STDERR_FILENO : STDOUT_FILENO).columns }

    private func put(_ text: String) {
        if toErrors { Output.errorText(text) } else { Output.text(text) }
    }
}

/// A text table with aligned columns; the last column is not padded.
struct Table {
    private var rows: [[String]] = []

    init(_ head: String...) {
        rows.append(head)
    }

    /// Untrusted text may be in a cell: it stays in its line and column.
    mutating func row(_ cells: String...) {
        rows.append(cells.map { Text.escaped($0, keepsTabs: false) })
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
