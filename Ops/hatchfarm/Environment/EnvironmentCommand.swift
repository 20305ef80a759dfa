internal import ArgumentParser

/// `hatchfarm environment`
struct EnvironmentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "environment",
        abstract: "Lists the environment variables.",
        discussion: """
            As a list, as a Markdown table, or as the settings file of the server's or the worker's systemd unit.

            EXAMPLES
              hatchfarm environment
              hatchfarm environment --format server > /etc/default/hatchfarm-server

            \(Variables.help(for: .server, .worker, .client, .terminal, .unit))
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case list, table, server, worker
    }

    @Option(help: "The output format.") var format = Format.list
    @Option(
        help: ArgumentHelp(
            "Update the documents in a working copy of HatchFarm.", valueName: "folder", visibility: .hidden),
        completion: .directory)
    var update: String?

    func run() throws {
        guard let update else { return Output.line(text) }
        for document in try EnvironmentDocument.all(in: update) {
            try Files.write(Array(document.text.utf8), to: "\(update)/\(document.path)")
            Output.line(document.path)
        }
    }

    private var text: String {
        switch format {
        case .list: Variables.help(for: .server, .worker, .client, .terminal, .unit)
        case .table: Variables.markdown
        case .server: String(DefaultFile(unit: .server).text.dropLast())
        case .worker: String(DefaultFile(unit: .worker).text.dropLast())
        }
    }
}

/// A file of the repository that is generated from the variables, completely or in part.
struct EnvironmentDocument: Sendable {
    /// In the repository.
    let path: String
    /// The generated content.
    let text: String

    static func all(in folder: String) throws(Failure) -> [EnvironmentDocument] {
        let reference = "Ops/reference.md"
        let known = String(decoding: try Files.read("\(folder)/\(reference)", limit: 1 << 20), as: UTF8.self)
        let (start, end) = ("<!-- hatchfarm environment -->\n", "\n<!-- the end of it -->")
        guard let first = known.firstRange(of: start), let last = known.firstRange(of: end),
            first.upperBound <= last.lowerBound
        else { throw .invalid("\(reference) has no marker for the table: \(start)") }
        let table = known[..<first.upperBound] + Variables.markdown + known[last.lowerBound...]
        return [EnvironmentDocument(path: reference, text: String(table))]
            + DefaultFile.Unit.allCases.map { unit in
                EnvironmentDocument(
                    path: "Ops/deploy/default/hatchfarm-\(unit.rawValue)", text: DefaultFile(unit: unit).text)
            }
    }
}
