extension APISystem {
    /// The control plane, the workers' calls and the agents (CONTRACT 5).
    package static let hatchFarm = APISystem(
        name: "HatchFarm", shape: .hatchFarm, bases: ["/api/v1", "/v1"], refusal: { HatchFarmProblem.problem($0) },
        routes: Machines.routes + Policies.routes + Consents.routes + Heartbeats.routes + Leases.routes
            + WorkerFiles.routes + ArtifactUploads.routes + AuditEvents.routes + Agents.routes + Keys.routes
            + Resources.routes + Wallet.routes + Withdrawals.routes + WithdrawalDecisions.routes + Forum.routes)
}
