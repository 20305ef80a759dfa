internal import ArgumentParser
internal import Bytes
internal import Runtime

/// `hatchfarm doctor`
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Finds problems that affect a server or a worker here, with remedies.",
        discussion: """
            Checks what this machine is set up for: a server if DATABASE_URL is set or hatchfarm.db exists here, \
            a worker if one is enrolled or a server is given; both if neither. Run it with the environment and \
            the user of the service. It changes nothing.

            EXAMPLES
              hatchfarm doctor
              hatchfarm doctor --worker --server https://farm.example
              systemd-run --pipe -p User=hatchfarm-server \\
                  -p EnvironmentFile=/etc/default/hatchfarm-server hatchfarm doctor --json

            EXIT CODES
               0  no check failed, though there may be warnings
               1  a check failed
            """)

    @Flag(help: "Check only the worker.") var worker = false
    @Option(help: ArgumentHelp("The worker's server (\(Variables.all.server.facts.name)).", valueName: "url"))
    var server: String?
    @Option(help: ArgumentHelp("The worker's state folder.", valueName: "folder"), completion: .directory)
    var state: String?
    @Option(help: ArgumentHelp("The file with the machine's id and token.", valueName: "file"), completion: .file())
    var credentials: String?
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let environment = Environment()
        let folder = state.map(Files.absolute) ?? WorkerConfiguration.defaultStateFolder
        let path = credentials ?? MachineFile.path(folder)
        let server = try self.server ?? environment.server
        let isServer = environment.isSet(\.database) || Files.exists("./hatchfarm.db")
        let isWorker = worker || server != nil || state != nil || Files.exists(path)
        var parts: [(name: String, findings: [Finding])] = []
        let unknown = environment.unknownFindings
        if !worker, isServer || !isWorker {
            parts.append(("server", await ServerCheck.findings(environment) + unknown))
        }
        if isWorker || !isServer {
            let check = WorkerCheck(
                environment: environment, server: server, stateFolder: folder, credentialsPath: path)
            parts.append(("worker", await check.findings() + (parts.isEmpty ? unknown : [])))
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
                    // External messages may have several lines.
                    let found = finding.found.split(separator: "\n").map { Text.sanitized(String($0)) }.joined(
                        separator: "; ")
                    let remedy = finding.remedy.map {
                        [String(repeating: " ", count: width + 10) + "remedy: " + Text.sanitized($0)]
                    }
                    return [line + found] + (remedy ?? [])
                }
        }
    }
}
