internal import Bytes
internal import Domain
internal import Wire

/// One claimed job, from start to report. Its handle stops it by cancelling its task.
struct JobRun: Sendable {
    let job: ClaimedJob
    let slot: Int
    let handle: JobHandle
    let executor: any Executor
    let client: LeaseClient
    let reporter: ResultReporter
    let journal: Journal
    let shortages: Shortages
    let world: World
    let events: @Sendable (WorkerEvent) -> Void

    enum Ending: Sendable {
        case reported, released
        /// Released, and the next job might end so too.
        case shortage
        /// Released: this machine can't run any job of this kind, and why.
        case unfit(Kind, String)
        /// The server hasn't confirmed; the journal keeps what to report.
        case unreported
    }

    func run() async -> Ending {
        let stream = ProgressStream(job: job, client: client, handle: handle, world: world)
        let sending = Task { await stream.run() }
        defer { sending.cancel() }
        let executedAt = world.now()
        let started = world.monotonic()
        do {
            let result = try await execute(context(stream))
            try checkStopped()
            let duration = result.durationMilliseconds ?? (world.monotonic() - started)
            stream.close()
            await withTaskCancellationHandler {
                await sending.value
            } onCancel: {
                sending.cancel()
            }
            try checkStopped()
            handle.beginReport()
            let paid = try await report(result, executedAt: executedAt, durationMilliseconds: duration)
            events(
                .finished(
                    job: job.id, status: result.status, exitCode: result.exitCode, durationMilliseconds: duration,
                    paidUSDT: paid))
            return .reported
        } catch {
            return await ending(error)
        }
    }

    /// A job that this machine can't run although it passes its trial run has failed: else it would be given back for
    /// ever, and each time cost others their turn.
    /// - Throws: `Unfit` when the machine doesn't pass.
    private func execute(_ context: JobContext) async throws -> ExecutionResult {
        do {
            return try await executor.run(job, context)
        } catch {
            try checkStopped()
            guard !(error is ServerError) else { throw error }
            let fault = error as? MachineFault ?? MachineFault("\(error)")
            let kind = Kind(rawValue: job.kind) ?? .compute
            if let reason = await executor.fault(of: kind) {
                throw Unfit(kind: kind, reason: reason, message: fault.message)
            }
            try checkStopped()
            switch fault.cause {
            case .noRoom: throw fault
            case .shortage where shortages.isFirst(of: job.id): throw fault
            case .shortage, .unknown: return ExecutionResult(.failure, error: fault.message)
            }
        }
    }

    private struct Unfit: Error {
        let kind: Kind
        let reason: String
        /// Of the fault that led to the trial run.
        let message: String
    }

    private func context(_ stream: ProgressStream) -> JobContext {
        let id = job.id
        let events = events
        return JobContext(
            slot: slot,
            log: { text in
                stream.log(text)
                events(.log(job: id, text: text.readable))
            },
            progress: { percent, message in
                stream.progress(percent, message)
                events(.progress(job: id, percent: percent, message: message))
            },
            fetch: { input in
                try await retrying("input") { () async throws(ServerError) in
                    try await client.input(input, of: id, claimToken: job.claimToken)
                }
            },
            upload: { path, bytes in
                let upload = await Upload(bytes, to: path, of: id, claimToken: job.claimToken)
                try await retrying("artifact") { () async throws(ServerError) in
                    try await upload.send(by: client)
                }
            })
    }

    /// Once it is in the journal, the result outlives this process.
    private func report(
        _ result: ExecutionResult, executedAt: Int64, durationMilliseconds: Int64
    ) async throws -> String? {
        let report = ResultReport(
            jobID: job.id, claimToken: job.claimToken, status: result.status, exitCode: result.exitCode,
            output: result.output.map { ProgressStream.truncated($0, WireLimits.outputBytes.upperBound) },
            error: result.error.map { ProgressStream.truncated($0, WireLimits.errorBytes.upperBound) },
            report: result.report, executedAt: executedAt, durationMilliseconds: Int(durationMilliseconds),
            trace: TraceContext.current)
        journal.recordResult(report)
        do {
            return try await reporter.report(report)
        } catch is CancellationError {
            guard handle.reason == .shutdown else { throw CancellationError() }
            throw Unreported()
        }
    }

    /// The worker is stopping before the server has answered.
    private struct Unreported: Error {}

    /// Retries a call until there is a final answer or the job is stopped; meanwhile the extender keeps the lease.
    private func retrying<T>(_ call: String, _ body: () async throws(ServerError) -> T) async throws -> T {
        var backoff = RetryDelay(maxMilliseconds: 10_000)
        while true {
            do {
                return try await body()
            } catch {
                try Task.checkCancellation()
                switch error {
                case .lost, .ended, .refused: throw error
                case .overloaded, .unreachable, .unauthorized: break
                }
                let wait = backoff.milliseconds(in: world, atLeast: error.retryAfter)
                events(.backoff(call: call, error: error, milliseconds: wait))
                try await world.sleep(.milliseconds(wait))
            }
        }
    }

    private func checkStopped() throws {
        if handle.reason != nil || Task.isCancelled { throw CancellationError() }
    }

    private func ending(_ error: any Error) async -> Ending {
        switch handle.reason {
        case .lost: events(.lost(job: job.id, reason: ServerError.lost.message))
        case .cancelled: events(.cancelled(job: job.id))
        case .shutdown:
            if error is Unreported {
                events(.unreported(job: job.id))
                return .unreported
            }
            return await release("the worker is stopping") ? .released : .unreported
        case .outsideHours: return await release("outside the policy's hours") ? .released : .unreported
        case nil:
            if let error = error as? ServerError {
                events(.lost(job: job.id, reason: error.message))
            } else if let unfit = error as? Unfit {
                await release(unfit.message)
                return .unfit(unfit.kind, unfit.reason)
            } else {
                await release((error as? MachineFault)?.message ?? "\(error)")
                return .shortage
            }
        }
        return .released
    }

    /// Best effort: otherwise the job is free when its lease expires. Returns whether the server answered.
    @discardableResult
    private func release(_ reason: String) async -> Bool {
        let request = ReleaseRequest(
            claimToken: job.claimToken, reason: ProgressStream.truncated(reason, WireLimits.messageBytes.upperBound))
        // In an unstructured task: this one may be cancelled.
        let isAnswered = await Task {
            do throws(ServerError) {
                try await client.release(job.id, request)
                return true
            } catch {
                return !error.isTransient
            }
        }.value
        events(.released(job: job.id, reason: reason))
        return isAnswered
    }
}
