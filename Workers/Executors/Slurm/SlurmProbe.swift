package import Bytes
internal import Glibc

/// What Slurm was found to give, by asking it.
package struct SlurmProbe: Sendable {
    /// What keeps jobs from running there, each with its remedy, for people.
    package let findings: [String]
    /// Features of the partition's nodes: labels that mean something to Slurm.
    package let features: Set<String>

    private static let programs = ["sbatch", "squeue", "scancel", "sinfo", "scontrol"]

    /// For `doctor`, and before a worker starts. Changes nothing.
    package init(_ configuration: SlurmConfiguration, world: World = .live) async {
        (findings, features) = await Self.look(configuration, world)
    }

    private static func look(
        _ configuration: SlurmConfiguration, _ world: World
    ) async -> (findings: [String], features: Set<String>) {
        let command = SlurmCommand(configuration: configuration, world: world)
        let missing = programs.filter { !isInstalled($0, configuration.searchPath) }
        var findings = missing.map { "\($0) is not found in \(configuration.searchPath): apt-get install slurm-client" }
        if let problem = configuration.folderProblem { findings.append(problem) }
        if let file = configuration.configurationFile, access(file, R_OK) != 0 {
            findings.append("Slurm's configuration \(file) can't be read: set SLURM_CONF to the cluster's slurm.conf")
            return (findings, [])
        }
        guard missing.isEmpty else { return (findings, []) }
        do {
            // Answers, and fails, at once; the others try for seconds.
            _ = try await command.run("scontrol", ["ping"])
        } catch {
            findings.append(
                "Slurm's controller doesn't answer: see scontrol ping and its log; \(error.message)")
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

    /// States of nodes that run jobs, now or after those they run; with `*` they don't answer.
    private static let goodStates: Set<String> = [
        "idle", "mixed", "allocated", "completing", "idle~", "idle#", "mixed~", "mixed#", "allocated~", "allocated#",
        "allocated+", "planned", "powering_up",
    ]

    private static func read(_ text: String, _ partition: String) -> (findings: [String], features: Set<String>) {
        let lines = text.split(separator: "\n").map { $0.split(separator: "|", omittingEmptySubsequences: false) }
        guard let first = lines.first, lines.allSatisfy({ $0.count == 4 }) else {
            return (["Slurm has no partition \(partition): see sinfo for those it has"], [])
        }
        if first[0] != "up" {
            let remedy = "scontrol update PartitionName=\(partition) State=UP"
            return (["the partition \(partition) is \(first[0]): \(remedy)"], [])
        }
        guard lines.contains(where: { goodStates.contains(String($0[1])) }) else {
            let states = Set(lines.map { String($0[1]) }).sorted().joined(separator: ", ")
            let remedy = "see sinfo --list-reasons, then scontrol update NodeName=… State=RESUME"
            return (["no node of the partition \(partition) takes jobs (\(states)): \(remedy)"], [])
        }
        let features = lines.flatMap { $0[3].split(separator: ",") }.map { String($0) }
        return ([], Set(features.filter { $0 != "(null)" }))
    }

    private static func isInstalled(_ program: String, _ path: String) -> Bool {
        path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
    }
}
