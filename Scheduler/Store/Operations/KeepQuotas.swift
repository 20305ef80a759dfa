internal import Domain

extension Transaction {
    /// Refuses to store more for an owner that has as much as one may: 429, naming the limit and its setting.
    func checkRoom(of owner: OwnerID) throws {
        let most = quotas.storedBytes
        guard most < .max, try storedBytes(of: owner) >= most else { return }
        throw Refusal.quota(
            "stored files: at most \(most / 1_000_000_000) GB of one owner are kept (HATCHFARM_STORED_GB); "
                + "delete ended jobs that have files, or wait until they are old enough to go",
            retryAfterSeconds: 3_600)
    }

    /// Counts a machine that is being registered; 429 for an owner that has as many as one may.
    func takeMachine(of owner: OwnerID) throws {
        guard try !countMachine(of: owner, most: quotas.machines) else { return }
        throw Refusal.quota(
            "machines: at most \(quotas.machines) of one owner are registered (HATCHFARM_MACHINES)",
            retryAfterSeconds: 86_400)
    }

    /// Adds changes, by their keys, to what their owners have stored.
    package func sumUpStored(_ keys: [Int64]) throws { try addToStored(try takeStoredChanges(keys)) }
}
