package import Domain
package import Store

extension Transaction {
    /// A heartbeat that passed every other check; returns the jobs that its worker is to stop.
    package func heartbeat(
        worker: MachineID, owner: OwnerID, policy: PolicyID, nonce: String, nonceLifetime: Int64, metrics: String?
    ) throws -> Set<JobID> {
        let beat = MachineBeat(worker: worker, owner: owner, policy: policy, nonce: nonce, metrics: metrics)
        for answer in try self.beat([beat], nonceLifetime: nonceLifetime, waits: true) { try answer?.get() }
        return try cancelNotices(for: [worker])[worker] ?? []
    }
}
