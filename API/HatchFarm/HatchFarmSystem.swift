extension APISystem {
    /// The control plane, the workers' calls, agents, resources, forum and wallet (CONTRACT 5).
    package static let hatchFarm = APISystem(
        name: "HatchFarm", envelope: HatchFarmEnvelope.envelope, bases: ["/api/v1", "/v1"], isDefault: true,
        routes: Machines.routes + Policies.routes + Consents.routes + Heartbeats.routes + Leases.routes
            + WorkerFiles.routes + ArtifactUploads.routes + AuditEvents.routes + Agents.routes + Keys.routes
            + Resources.routes + Wallet.routes + Withdrawals.routes + WithdrawalDecisions.routes + Forum.routes)
}
