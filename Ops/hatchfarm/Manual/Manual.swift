internal import ArgumentParser
internal import Bytes
internal import Glibc

/// `hatchfarm manual`
struct Manual: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Writes the manual pages, one per command.",
        discussion: """
            EXAMPLES
              hatchfarm manual --to /usr/share/man/man1
              hatchfarm man job submit
            """,
        shouldDisplay: false)

    @Option(help: ArgumentHelp("The target folder.", valueName: "folder"), completion: .directory) var to: String

    func run() throws {
        try Files.makeFolder(to)
        for page in try ManualPage.all() {
            try Files.write(Array(page.roff.utf8), to: "\(to)/\(page.name).1")
        }
    }
}

/// `hatchfarm man`
struct Man: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "man",
        abstract: "Shows a command's manual page.",
        discussion: """
            Uses `man` if it is installed and this is a terminal; otherwise prints the page as roff.

            EXAMPLES
              hatchfarm man worker
              hatchfarm man job submit | man -l -
            """)

    @Argument(help: "The command (default: hatchfarm itself).") var command: [String] = []

    func run() throws {
        let name = (["hatchfarm"] + command).joined(separator: "-")
        guard let page = try ManualPage.all().first(where: { $0.name == name }) else {
            throw Failure.notFound("there is no command `\(Text.sanitized(command.joined(separator: " ")))`")
        }
        // The pipe breaks if man is missing, or is closed early.
        signal(SIGPIPE, SIG_IGN)
        guard Output.isTerminal, let pipe = popen("man -l - 2>/dev/null", "w") else { return Output.text(page.roff) }
        fputs(page.roff, pipe)
        if pclose(pipe) != 0 { Output.text(page.roff) }
    }
}
