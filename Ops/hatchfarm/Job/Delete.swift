internal import ArgumentParser

extension JobCommand {
    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes ended jobs, with their attempts, logs and files.",
            discussion: """
                One that has not ended is refused: cancel it first. What was paid for it stays in the wallet's \
                transactions.

                EXAMPLES
                  hatchfarm job delete 0193…
                  hatchfarm job delete 0193… 0194…
                """)

        @Argument(help: "The jobs' ids.") var jobs: [String]
        @OptionGroup(title: "Server") var client: ClientOptions

        func run() async throws {
            let client = Client(try client.credentials())
            var problem: Failure?
            var count = 0
            for id in jobs {
                do {
                    _ = try await client.delete("\(JobText.path(id))/record")
                    Output.line("\(Text.escaped(id)) deleted")
                    count += 1
                } catch let failure as Failure {
                    if case .unreachable = failure { throw failure }
                    if jobs.count > 1 { Output.error("hatchfarm: \(Text.escaped(id)): \(failure.message)") }
                    problem = problem ?? failure
                }
            }
            guard let problem else { return }
            throw jobs.count == 1 ? problem : problem.saying("\(count) of \(jobs.count) deleted")
        }
    }
}
