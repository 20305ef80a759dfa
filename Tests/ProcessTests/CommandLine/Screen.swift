import Foundation
import Support

/// What a terminal shows after these bytes: enough of one for lines that are drawn over themselves.
struct Screen {
    private(set) var lines: [String] = [""]

    /// A shell's command on a terminal of 90 columns, which `script` gives it; what it shows is the child's output.
    static func child(running command: String) async throws -> ChildProcess {
        try await ChildProcess(
            "/usr/bin/script", ["--quiet", "--return", "--command", command, "/dev/null"],
            environment: ["TERM": "xterm", "COLUMNS": "90", "LINES": "24", "HOME": Scratch.path("home")])
    }

    init(_ text: String) {
        var row = 0
        var column = 0
        var rest = Substring(text.replacing("\r\n", with: "\n\r"))
        while let character = rest.popFirst() {
            switch character {
            case "\r": column = 0
            case "\n":
                row += 1
                if row == lines.count { lines.append("") }
            case "\u{1B}":
                let code = rest.prefixMatch(of: #/\[(\d*)([A-Za-z])/#)
                rest = rest.dropFirst(code?.output.0.count ?? 0)
                switch code?.output.2 {
                case "A": row = max(0, row - (Int(code?.output.1 ?? "") ?? 1))
                case "K": lines[row] = String(lines[row].prefix(column))
                case "J":
                    lines[row] = String(lines[row].prefix(column))
                    lines.removeLast(lines.count - row - 1)
                default: break
                }
            default:
                let kept = lines[row].padding(toLength: column, withPad: " ", startingAt: 0)
                lines[row] = kept + String(character) + String(lines[row].dropFirst(column + 1))
                column += 1
            }
        }
    }
}
