internal import Domain
internal import Runtime
internal import Wire

/// Runs jobs on this machine: each kind by its executor.
struct MachineExecutor: Executor {
    let compute: ComputeExecutor
    /// `nil`: audits are not offered.
    let audit: AuditExecutor?

    var kinds: [Kind] { audit == nil ? compute.kinds : compute.kinds + [.audit] }
    var isolation: Isolation { compute.isolation }

    func run(_ job: ClaimedJob, _ context: JobContext) async throws -> ExecutionResult {
        guard job.kind == Kind.audit.rawValue else { return try await compute.run(job, context) }
        guard let audit else { throw MachineFault("this machine runs no audits") }
        return try await audit.run(job, context)
    }

    func fault(of kind: Kind) async -> String? {
        if let fault = await compute.fault(of: kind) { return fault }
        return kind == .audit ? await audit?.fault : nil
    }
}
