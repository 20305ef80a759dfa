internal import ArgumentParser
internal import Bytes
internal import Runtime

/// `hatchfarm doctor`
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Says what keeps a server or a worker from working well here, and the remedy.",
        discussion: """
            Looks at what this machine is set up for: a server where DATABASE_URL is set or hatchfarm.db is here, \
            a worker where one is enrolled or a server is named; at both when it is neither. Use it with the \
            environment and the user of the service. It changes nothing.

            EXAMPLES
              hatchfarm doctor
              hatchfarm doctor --worker --server https://farm.example
              systemd-run --pipe -p User=hatchfarm-server \\
                  -p EnvironmentFile=/etc/default/hatchfarm-server hatchfarm doctor --json

            EXIT CODES
               0  nothing fails, though there may be warnings
               1  something fails
            """)

    @Flag(help: "Only the worker's side.") var worker = false
    @Option(help: ArgumentHelp("The worker's server (\(Variables.all.server.facts.name)).", valueName: "url"))
    var server: String?
    @Option(help: ArgumentHelp("The worker's state folder.", valueName: "folder"), completion: .directory)
    var state: String?
    @Option(help: ArgumentHelp("The machine's id and token.", valueName: "file"), completion: .file())
    var credentials: String?
    @Flag(help: "An object for programs.") var json = false

    func run() async throws {
        let environment = Environment()
        let folder = state.map(Files.absolute) ?? WorkerConfiguration.defaultStateFolder
        let path = credentials ?? MachineFile.path(folder)
        let server = try self.server ?? environment.server
        let isServer = environment.isSet(\.database) || Files.isThere("./hatchfarm.db")
        let isWorker = worker || server != nil || state != nil || Files.isThere(path)
        var parts: [(name: String, findings: [Finding])] = []
        let strangers = environment.strangers
        if !worker, isServer || !isWorker {
            parts.append(("server", await ServerCheckup.findings(environment) + strangers))
        }
        if isWorker || !isServer {
            let checkup = WorkerCheckup(
                environment: environment, server: server, stateFolder: folder, credentialsPath: path)
            parts.append(("worker", await checkup.findings() + (parts.isEmpty ? strangers : [])))
        }
        if json { Output.line(Self.json(parts).text(.compact)) } else { Self.lines(parts).forEach(Output.line) }
        let failures = parts.flatMap(\.findings).count { $0.level == .fail }
        guard failures == 0 else { throw ExitCode.failure }
    }

    private static func json(_ parts: [(name: String, findings: [Finding])]) -> JSON {
        .object(parts.map { .init($0.name, .array($0.findings.map(\.json))) })
    }

    private static func lines(_ parts: [(name: String, findings: [Finding])]) -> [String] {
        parts.flatMap { name, findings in
            let width = findings.map { $0.name.count }.max() ?? 0
            return [name]
                + findings.flatMap { finding in
                    let line =
                        "  \(Text.padded(finding.level.rawValue, to: 4))  \(Text.padded(finding.name, to: width))  "
                    // What others wrote may have several lines.
                    let found = finding.found.split(separator: "\n").map { Text.tame(String($0)) }.joined(
                        separator: "; ")
                    let remedy = finding.remedy.map {
                        [String(repeating: " ", count: width + 10) + "remedy: " + Text.tame($0)]
                    }
                    return [line + found] + (remedy ?? [])
                }
        }
    }
}
