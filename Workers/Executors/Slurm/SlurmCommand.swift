internal import Bytes
internal import Subprocess

/// What Slurm, or the way to it, said no to.
package struct SlurmProblem: Error, Sendable {
    /// With the remedy where there is one; one finding a line.
    package let message: String
}

/// Runs Slurm's own programs.
struct SlurmCommand: Sendable {
    let configuration: SlurmConfiguration
    let world: World

    /// Bytes of an answer: some ten thousand jobs.
    private static let answerBytes = 8 << 20

    /// What the program printed. It is killed when it takes too long, and runs on when the caller's task is cancelled.
    /// - Throws: what it said, when it didn't end well.
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
        let clock = Task {
            try await world.sleep(.milliseconds(milliseconds))
            running.cancel()
        }
        let result = await running.result
        clock.cancel()
        switch result {
        case .failure(let error): throw SlurmProblem(message: "\(program): \(error)")
        case .success(let ended):
            guard ended.terminationStatus == .exited(0) else {
                let said = ended.standardError.split(separator: "\n").joined(separator: "; ")
                throw SlurmProblem(message: said.isEmpty ? "\(program) ended with \(ended.terminationStatus)" : said)
            }
            return ended.standardOutput
        }
    }
}
