internal import Bytes

/// What to run: words, environment and standard input. Nothing of it ever stands in a command line on the host.
package struct Program: Sendable {
    package var command: [String]
    package var environment: [(name: String, value: String)]
    package var stdin: String?

    package init(_ command: [String], environment: [(name: String, value: String)] = [], stdin: String? = nil) {
        self.command = command
        self.environment = environment
        self.stdin = stdin
    }

    /// `nil` when it can be run, else what is wrong with it, for the job's owner.
    var problem: String? {
        guard let name = command.first, !name.isEmpty else { return "the command is empty" }
        // `env` and the shell would take it for a variable.
        if name.utf8.contains(UInt8(ascii: "=")) { return "the command's name contains \"=\"" }
        if let bad = environment.first(where: { !$0.name.isVariableName }) {
            return "the environment has a variable named \"\(bad.name)\""
        }
        let texts = command + environment.map(\.value)
        return texts.contains { $0.utf8.contains(0) } ? "the command contains a zero byte" : nil
    }

    /// A word that a shell takes as it is.
    static func quoted(_ word: String) -> String {
        // By bytes, as the shell does: to Swift, a quote with a combining mark is no quote.
        let parts = word.utf8.split(separator: UInt8(ascii: "'"), omittingEmptySubsequences: false)
        return "'" + parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "'\\''") + "'"
    }
}
