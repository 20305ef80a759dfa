internal import Bytes
internal import Domain
internal import Wire

/// Reports results: sends all that are waiting in one call, and repeats each with the same token until the server has
/// given a final answer. One call at a time, so that a recovering server gets one call per worker.
actor ResultReporter {
    private struct Waiting {
        let report: ResultReport
        let bytes: Int
        let answer: CheckedContinuation<String?, any Error>
    }

    /// Keeps a call's body below the server's limit of 1 MiB; a single larger result goes alone.
    private static let maxBodyBytes = 512 << 10

    private let client: LeaseClient
    private let world: World
    private let events: @Sendable (WorkerEvent) -> Void
    private let changed = Wakeup()
    /// In order of arrival.
    private var waiting: [(token: String, item: Waiting)] = []

    init(client: LeaseClient, world: World, events: @escaping @Sendable (WorkerEvent) -> Void) {
        self.client = client
        self.world = world
        self.events = events
    }

    /// Returns once the server has accepted it, with what it paid if the server says so. `report` must name its job.
    /// - Throws: `lost`, `ended` or `refused` if the server will never accept it; `CancellationError` when the task was
    ///   cancelled: the result may have arrived or not.
    func report(_ report: ResultReport) async throws -> String? {
        let token = report.claimToken
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (answer: CheckedContinuation<String?, any Error>) in
                if Task.isCancelled { return answer.resume(throwing: CancellationError()) }
                let size = report.json.bytes(.compact).count
                waiting.append((token, Waiting(report: report, bytes: size, answer: answer)))
                changed.notify()
            }
        } onCancel: {
            Task { await self.resolve(token, .failure(CancellationError())) }
        }
    }

    /// Runs until its task is cancelled.
    func run() async {
        var backoff = RetryDelay(maxMilliseconds: 10_000)
        while !Task.isCancelled {
            guard !waiting.isEmpty else {
                await changed.wait()
                continue
            }
            do throws(ServerError) {
                try await send(next())
                backoff.reset()
            } catch {
                guard !Task.isCancelled else { return }
                let wait = backoff.milliseconds(in: world, atLeast: error.retryAfter)
                events(.backoff(call: "result", error: error, milliseconds: wait))
                try? await world.sleep(.milliseconds(wait))
            }
        }
    }

    private func next() -> [ResultReport] {
        var reports: [ResultReport] = []
        var bytes = 0
        for (_, item) in waiting.prefix(WireLimits.resultsInBatch.upperBound) {
            bytes += item.bytes
            guard reports.isEmpty || bytes <= Self.maxBodyBytes else { break }
            reports.append(item.report)
        }
        return reports
    }

    private func send(_ reports: [ResultReport]) async throws(ServerError) {
        do throws(ServerError) {
            let statuses = try await client.results(ResultsBatch(results: reports)).results
            guard statuses.map(\.jobID) == reports.map(\.job) else {
                throw ServerError.unreachable("invalid answer of the server: it names other jobs")
            }
            var busy: ServerError?
            for (report, status) in zip(reports, statuses) {
                if let error = status.tryAgain {
                    busy = error
                    postpone(report.claimToken)
                } else {
                    resolve(report.claimToken, status.outcome)
                }
            }
            if let busy { throw busy }
        } catch .refused(let status, let message) {
            // The call as a whole was refused: send each alone to find the invalid one.
            guard reports.count > 1 else {
                return resolve(
                    reports.first?.claimToken ?? "", .failure(ServerError.refused(status: status, message: message)))
            }
            for report in reports { try await send([report]) }
        }
    }

    /// The others go first.
    private func postpone(_ token: String) {
        guard let index = waiting.firstIndex(where: { $0.token == token }) else { return }
        waiting.append(waiting.remove(at: index))
    }

    private func resolve(_ token: String, _ result: Result<String?, any Error>) {
        guard let index = waiting.firstIndex(where: { $0.token == token }) else { return }
        waiting.remove(at: index).item.answer.resume(with: result)
    }
}

extension ResultReport {
    /// Reports in this module always name their job.
    var job: JobID { jobID ?? JobID("") }
}

extension ResultStatus {
    /// The server had no answer to this one.
    fileprivate var tryAgain: ServerError? {
        guard !isAccepted, code == "database_busy" else { return nil }
        return .overloaded(retryAfterMilliseconds: nil)
    }

    /// A result's status, as if it had been reported alone.
    fileprivate var outcome: Result<String?, any Error> {
        if isAccepted { return .success(paidUSDT) }
        return switch code {
        case "lease_lost": .failure(ServerError.lost)
        case "job_ended", "wrong_state": .failure(ServerError.ended)
        default: .failure(ServerError.refused(status: 400, message: error ?? "the result was refused"))
        }
    }
}
