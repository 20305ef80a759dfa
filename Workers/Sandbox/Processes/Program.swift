internal import Bytes

/// What to run: a command, its environment and its standard input. None of it appears in a command line on the host.
package struct Program: Sendable {
    package var command: [String]
    package var environment: [(name: String, value: String)]
    /// nil reads nothing.
    package var stdin: [UInt8]?

    package init(_ command: [String], environment: [(name: String, value: String)] = [], stdin: String? = nil) {
        self.command = command
        self.environment = environment
        self.stdin = stdin.map { Array($0.utf8) }
    }

    /// Why it can't be run, for the job's owner; `nil` if it can.
    var problem: String? {
        guard let name = command.first, !name.isEmpty else { return "the command is empty" }
        // `env` and the shell would treat it as an assignment.
        if name.utf8.contains(UInt8(ascii: "=")) { return "the command name contains \"=\"" }
        if let bad = environment.first(where: { !$0.name.isVariableName }) {
            return "invalid name of an environment variable: \"\(bad.name)\""
        }
        let texts = command + environment.map(\.value)
        return texts.contains { $0.utf8.contains(0) } ? "the command contains a NUL byte" : nil
    }

    /// Quotes a word for the shell.
    static func quoted(_ word: String) -> String {
        // By bytes, as the shell does: to Swift, a quote with a combining mark is a different character.
        let parts = word.utf8.split(separator: UInt8(ascii: "'"), omittingEmptySubsequences: false)
        return "'" + parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "'\\''") + "'"
    }
}
