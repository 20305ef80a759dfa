internal import ArgumentParser

/// `hatchfarm completions`
struct Completions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Prints a shell completion script.",
        discussion: """
            EXAMPLES
              hatchfarm completions bash > /usr/share/bash-completion/completions/hatchfarm
              hatchfarm completions zsh > /usr/share/zsh/vendor-completions/_hatchfarm
              hatchfarm completions fish > ~/.config/fish/completions/hatchfarm.fish
            """)

    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash, zsh, fish
    }

    @Argument(help: "The shell.") var shell: Shell

    func run() throws {
        guard let shell = CompletionShell(rawValue: shell.rawValue) else {
            throw ValidationError("No completions for \(shell.rawValue).")
        }
        Output.line(Hatchfarm.completionScript(for: shell))
    }
}
