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
        // `env` would take it for a variable.
        if name.utf8.contains(UInt8(ascii: "=")) { return "the command's name contains \"=\"" }
        if let bad = environment.first(where: { !Self.isName($0.name) }) {
            return "the environment has a variable named \"\(bad.name)\""
        }
        let texts = command + environment.map(\.value)
        return texts.contains { $0.utf8.contains(0) } ? "the command contains a zero byte" : nil
    }

    /// A shell script: takes its limits, says `marker`, then runs the program and ends as it did. The shell stays, as
    /// the sandbox's first process: it reaps what the program leaves, and when it ends the kernel kills all that is
    /// left. Limits come before the environment, which may hold anything; `env` keeps the shell's own commands out.
    func startScript(marker: String, home: String, input: String, limits: SandboxLimits) -> String {
        let base = [("HOME", home), ("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LANG", "C.UTF-8")]
        let variables = base + environment.map { ($0.name, $0.value) }
        return """
            cd \(Self.quoted(home)) && /usr/bin/prlimit --pid $$ \(limits.arguments.joined(separator: " ")) || exit 1
            printf '%s\\n' \(marker)
            unset OLDPWD
            \(variables.map { "export \($0)=\(Self.quoted($1))" }.joined(separator: "\n"))
            /usr/bin/env -- \(command.map(Self.quoted).joined(separator: " ")) < \(Self.quoted(input))
            exit $?

            """
    }

    /// What a shell takes for a variable's name.
    private static func isName(_ text: String) -> Bool {
        let letters = text.utf8.map { byte in
            byte == UInt8(ascii: "_") || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
        }
        let digits = text.utf8.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return letters.first == true && zip(letters, digits).allSatisfy { $0 || $1 }
    }

    private static func quoted(_ word: String) -> String {
        // By bytes, as the shell does: to Swift, a quote with a combining mark is no quote.
        let parts = word.utf8.split(separator: UInt8(ascii: "'"), omittingEmptySubsequences: false)
        return "'" + parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "'\\''") + "'"
    }
}
