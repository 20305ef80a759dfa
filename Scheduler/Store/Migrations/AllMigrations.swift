extension Migration {
    /// All of them, in order. Append only: what has landed is never edited (`Tests/Tidy/migrations.lock`).
    package static let all: [Migration] = [
        .jobs, .controlPlane, .uploads, .policyHours, .ledger, .keys, .logins, .market, .withdrawals, .forum,
        .listOrders, .dailyCounts, .collabTasks, .bounties, .social, .devices, .deviceDeletion, .inkling,
        .chainLinks, .heartbeats, .indexLeads, .leaseIndexes, .lookUps, .claimRequests, .cascades, .liveCounts,
        .keyScopes, .stagedContents, .listedStates, .liveClasses, .retention, .ownerQuotas, .revivals, .exactLogs,
        .uploadOwners, .classRetention,
    ]
}
