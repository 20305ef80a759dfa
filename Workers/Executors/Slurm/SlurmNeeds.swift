internal import Domain
internal import Sandbox
internal import Wire

/// What a job needs of the cluster, in the words of `sbatch`. Nothing that its owner wrote stands in them.
struct SlurmNeeds: Sendable, Equatable {
    var cores = 1
    /// MiB; `nil`: the partition's default.
    var memory: Int?
    var gpus = 0
    var minutes = 1
    /// Labels that are features of the partition's nodes.
    var features: [String] = []

    init() {}

    init(_ job: ClaimedJob, features known: Set<String>) {
        let needs = job.resources
        if let milliCores = needs.milliCores, milliCores > 1_000, milliCores <= 4_096_000 {
            cores = Int((milliCores + 999) / 1_000)
        }
        if let memoryMiB = needs.memoryMiB, memoryMiB > 0, memoryMiB <= 1 << 26 { memory = max(64, Int(memoryMiB)) }
        gpus = Int(min(max(needs.gpus, 0), Int64(WireLimits.gpus.upperBound)))
        minutes = min(max(job.durationMinutes, 1), WireLimits.jobMinutes.upperBound)
        // The server has seen that the machine has them all; what Slurm doesn't know of holds for the whole cluster.
        features = needs.labels.filter { known.contains($0) }
    }

    func arguments(for batch: BatchRun, name: String, _ configuration: SlurmConfiguration) -> [String] {
        var arguments = [
            "--parsable", "--partition=\(configuration.partition)", "--job-name=\(name)", "--nodes=1", "--ntasks=1",
            "--cpus-per-task=\(cores)", "--time=\(minutes)", "--chdir=\(batch.folder)", "--input=/dev/null",
            "--output=\(batch.complaints)", "--open-mode=append", "--no-requeue",
            // All of it is what `SlurmConfiguration` lists; NONE would start a login shell for more.
            "--export=ALL",
        ]
        if let account = configuration.account { arguments.append("--account=\(account)") }
        if let memory { arguments.append("--mem=\(memory)M") }
        if gpus > 0 { arguments.append("--gres=gpu:\(gpus)") }
        if !features.isEmpty { arguments.append("--constraint=\(features.joined(separator: "&"))") }
        return arguments + configuration.extraArguments + [batch.script]
    }
}
