internal import Domain
internal import Sandbox
internal import Wire

/// The resources that a job needs, as options of `sbatch`. They contain no text from the job.
struct SlurmResources: Sendable, Equatable {
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
        // The server has checked that the machine has all labels; those unknown to Slurm apply to the whole cluster.
        features = needs.labels.filter { known.contains($0) }
    }

    func arguments(for batch: BatchRun, name: String, _ configuration: SlurmConfiguration) -> [String] {
        var arguments = [
            "--parsable", "--partition=\(configuration.partition)", "--job-name=\(name)", "--nodes=1", "--ntasks=1",
            "--cpus-per-task=\(cores)", "--time=\(minutes)", "--chdir=\(batch.folder)", "--input=/dev/null",
            "--output=\(batch.errorLog)", "--open-mode=append", "--no-requeue",
            // Only the variables that `SlurmConfiguration` lists; NONE would start a login shell and add more.
            "--export=ALL",
        ]
        if let account = configuration.account { arguments.append("--account=\(account)") }
        if let memory { arguments.append("--mem=\(memory)M") }
        if gpus > 0 { arguments.append("--gres=gpu:\(gpus)") }
        if !features.isEmpty { arguments.append("--constraint=\(features.joined(separator: "&"))") }
        return arguments + configuration.extraArguments + [batch.script]
    }
}
