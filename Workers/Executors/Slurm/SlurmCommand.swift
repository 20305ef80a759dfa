internal import Bytes
internal import Subprocess

/// An error of Slurm or of one of its programs.
package struct SlurmProblem: Error, Sendable {
    /// With the remedy if there is one; one finding per line.
    package let message: String
}

/// Runs Slurm's own programs.
struct SlurmCommand: Sendable {
    let configuration: SlurmConfiguration
    let world: World

    /// The output limit in bytes: enough for tens of thousands of jobs.
    private static let answerBytes = 8 << 20

    /// Returns the program's output. It is killed on timeout, but not when the caller's task is cancelled.
    /// - Throws: with its standard error, when it failed.
    func run(
        _ program: String, _ arguments: [String], within milliseconds: Int64 = 60_000
    ) async throws(SlurmProblem) -> String {
        let variables = configuration.environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) }
        let environment = Environment.custom(Dictionary(uniqueKeysWithValues: variables))
        let running = Task {
            try await Subprocess.run(
                .name(program), arguments: Arguments(arguments), environment: environment,
                output: .string(limit: Self.answerBytes), error: .string(limit: 64 << 10))
        }
        let world = world
        let timer = Task {
            try await world.sleep(.milliseconds(milliseconds))
            running.cancel()
        }
        let result = await running.result
        timer.cancel()
        switch result {
        case .failure(let error): throw SlurmProblem(message: "\(program): \(error)")
        case .success(let ended):
            guard ended.terminationStatus == .exited(0) else {
                let errors = ended.standardError.split(separator: "\n").joined(separator: "; ")
                throw SlurmProblem(message: errors.isEmpty ? "\(program) failed: \(ended.terminationStatus)" : errors)
            }
            return ended.standardOutput
        }
    }
}
