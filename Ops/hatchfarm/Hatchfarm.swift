internal import ArgumentParser
internal import Glibc

/// The binary (CONTRACT 10). Only this target chooses implementations.
@main
struct Hatchfarm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hatchfarm",
        abstract: "A compute marketplace: owners lend machines, members submit jobs.",
        discussion: """
            EXAMPLES
              hatchfarm up
              hatchfarm job submit --title hi --watch -- echo hi
              hatchfarm worker --server https://farm.example --api-key hf_…

            \(Failure.exitCodes)

            Environment variables: `hatchfarm help environment`.
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Servers and workers", subcommands: [Up.self, Serve.self, WorkerCommand.self, Migrate.self]),
            CommandGroup(
                name: "Jobs and accounts",
                subcommands: [
                    JobCommand.self, BountyCommand.self, WalletCommand.self, AgentCommand.self, ResourcesCommand.self,
                    Login.self, ProfilesCommand.self,
                ]),
            CommandGroup(name: "Devices", subcommands: [ReferenceDevice.self, FleetCommand.self]),
            CommandGroup(
                name: "Administration", subcommands: [AdminCommand.self, Doctor.self, Bench.self, StaticAnswer.self]),
            CommandGroup(
                name: "Setup",
                subcommands: [EnvironmentCommand.self, Completions.self, Man.self, Manual.self]),
        ])

    static func main() async {
        Output.openStandardFiles()
        do {
            var command = try await asyncParseAsRoot(nil)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            Output.error("hatchfarm: \(failure.message)")
            Glibc.exit(failure.exitCode)
        } catch is CancellationError {
            Glibc.exit(Failure.interrupted)
        } catch {
            // Help and version too: `exit(withError:)` would not say that they could not be written.
            let (text, code) = (fullMessage(for: error), exitCode(for: error))
            if !text.isEmpty { code.isSuccess ? Output.line(text) : Output.error(text) }
            Glibc.exit(code.rawValue)
        }
    }
}
