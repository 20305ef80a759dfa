/// A provider's machine as it was registered.
package struct Machine: Sendable {
    package var id: MachineID
    package var owner: OwnerID
    package var name: String
    package var createdAt: Int64
    package var capacity: Capacity?
    /// What it asks for a job, minor units of USDT per hour; nil asks the market's price.
    package var hourlyPrice: Int64?

    package init(
        id: MachineID, owner: OwnerID, name: String, createdAt: Int64, capacity: Capacity?, hourlyPrice: Int64?
    ) {
        self.id = id
        self.owner = owner
        self.name = name
        self.createdAt = createdAt
        self.capacity = capacity
        self.hourlyPrice = hourlyPrice
    }
}

/// What a machine has.
package struct Capacity: Sendable, Hashable {
    /// nil when not stated.
    package var milliCores: Int64?
    package var memoryMiB: Int64?
    package var gpus: Int64
    package var labels: [String]
    /// The level that the daemon measured; nil when it said nothing.
    package var isolation: Isolation?

    package init(
        milliCores: Int64? = nil, memoryMiB: Int64? = nil, gpus: Int64 = 0, labels: [String] = [],
        isolation: Isolation? = nil
    ) {
        self.milliCores = milliCores
        self.memoryMiB = memoryMiB
        self.gpus = gpus
        self.labels = labels
        self.isolation = isolation
    }
}

/// What an owner allows on the machines that consent to it (CONTRACT 5).
package struct PolicyRules: Sendable, Hashable {
    package var maxCPUPercent: Int64
    package var maxMemoryPercent: Int64?
    package var maxGPUPercent: Int64?
    package var timezone: String?
    package var allowedHours: [Int64]?
    package var maxJobMinutes: Int64?
    package var network: Bool?
    /// The weakest isolation that a job on these machines may ask for.
    package var isolation: Isolation?

    package init(maxCPUPercent: Int64) { self.maxCPUPercent = maxCPUPercent }

    /// The allowed hours as bits, the lowest for midnight; nil when all are allowed.
    package var hourBits: Int64? {
        allowedHours?.reduce(0) { bits, hour in 0...23 ~= hour ? bits | 1 << hour : bits }
    }
}

package struct Policy: Sendable {
    package var id: PolicyID
    package var owner: OwnerID
    package var version: Int64
    package var isActive: Bool
    /// As it was signed, compact JSON.
    package var rules: String
    package var createdAt: Int64
    package var activatedAt: Int64?

    package init(
        id: PolicyID, owner: OwnerID, version: Int64, isActive: Bool, rules: String, createdAt: Int64,
        activatedAt: Int64?
    ) {
        self.id = id
        self.owner = owner
        self.version = version
        self.isActive = isActive
        self.rules = rules
        self.createdAt = createdAt
        self.activatedAt = activatedAt
    }
}

package struct Consent: Sendable {
    package var id: ConsentID
    package var owner: OwnerID
    package var worker: MachineID
    package var policy: PolicyID
    package var createdAt: Int64
    package var revokedAt: Int64?

    package init(
        id: ConsentID, owner: OwnerID, worker: MachineID, policy: PolicyID, createdAt: Int64, revokedAt: Int64?
    ) {
        self.id = id
        self.owner = owner
        self.worker = worker
        self.policy = policy
        self.createdAt = createdAt
        self.revokedAt = revokedAt
    }
}
