package import Bytes
internal import Glibc

/// Whether Slurm can run jobs here, and which node features it has.
package struct SlurmProbe: Sendable {
    /// What keeps jobs from running, each with its remedy, for people.
    package let findings: [String]
    /// Features of the partition's nodes: the labels that Slurm knows.
    package let features: Set<String>

    private static let programs = ["sbatch", "squeue", "scancel", "sinfo", "scontrol"]

    /// For `doctor`, and before a worker starts. Read-only.
    package init(_ configuration: SlurmConfiguration, world: World = .live) async {
        (findings, features) = await Self.probe(configuration, world)
    }

    private static func probe(
        _ configuration: SlurmConfiguration, _ world: World
    ) async -> (findings: [String], features: Set<String>) {
        let command = SlurmCommand(configuration: configuration, world: world)
        let missing = programs.filter { !isInstalled($0, configuration.searchPath) }
        var findings = missing.map { "\($0) not found in \(configuration.searchPath): apt-get install slurm-client" }
        if let problem = configuration.folderProblem { findings.append(problem) }
        if let file = configuration.configurationFile, access(file, R_OK) != 0 {
            findings.append("cannot read Slurm's configuration \(file): set SLURM_CONF to the cluster's slurm.conf")
            return (findings, [])
        }
        guard missing.isEmpty else { return (findings, []) }
        do {
            // Fails immediately; the others retry for seconds.
            _ = try await command.run("scontrol", ["ping"])
        } catch {
            findings.append(
                "the Slurm controller is not responding: see scontrol ping and its log; \(error.message)")
            return (findings, [])
        }
        do {
            let arguments = ["--noheader", "--partition=\(configuration.partition)", "--format=%a|%T|%D|%f"]
            let (problems, features) = read(try await command.run("sinfo", arguments), configuration.partition)
            return (findings + problems, features)
        } catch {
            return (findings + ["sinfo: \(error.message)"], [])
        }
    }

    /// States of nodes that accept jobs, now or later; a `*` marks nodes that don't respond.
    private static let goodStates: Set<String> = [
        "idle", "mixed", "allocated", "completing", "idle~", "idle#", "mixed~", "mixed#", "allocated~", "allocated#",
        "allocated+", "planned", "powering_up",
    ]

    private static func read(_ text: String, _ partition: String) -> (findings: [String], features: Set<String>) {
        let lines = text.split(separator: "\n").map { $0.split(separator: "|", omittingEmptySubsequences: false) }
        guard let first = lines.first, lines.allSatisfy({ $0.count == 4 }) else {
            return (["Slurm has no partition \(partition): sinfo lists them"], [])
        }
        if first[0] != "up" {
            let remedy = "scontrol update PartitionName=\(partition) State=UP"
            return (["partition \(partition) is \(first[0]): \(remedy)"], [])
        }
        guard lines.contains(where: { goodStates.contains(String($0[1])) }) else {
            let states = Set(lines.map { String($0[1]) }).sorted().joined(separator: ", ")
            let remedy = "see sinfo --list-reasons, then scontrol update NodeName=… State=RESUME"
            return (["no node of partition \(partition) accepts jobs (\(states)): \(remedy)"], [])
        }
        let features = lines.flatMap { $0[3].split(separator: ",") }.map { String($0) }
        return ([], Set(features.filter { $0 != "(null)" }))
    }

    private static func isInstalled(_ program: String, _ path: String) -> Bool {
        path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
    }
}
