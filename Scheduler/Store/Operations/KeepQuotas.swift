internal import Bytes
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

    /// Refuses a file that a job brings forth when its owner may store no more: 413 and not 429, as the worker can't
    /// mend it, and the job needn't hold its place until somebody has.
    func checkRoomForOutput(of owner: OwnerID) throws {
        do {
            try checkRoom(of: owner)
        } catch Refusal.quota(let message, _) {
            throw Refusal.noRoom("the job's owner has too many \(message)")
        }
    }

    /// What a job doesn't name among its outputs may have this many bytes in all, those that are on their way too: else
    /// a stranger's machine could fill the store of the job's owner.
    static let unnamedOutputBytes: Int64 = 64 << 20

    /// Refuses a file of `bytes` bytes that the job doesn't name, when there would be too much of such.
    func checkUnnamed(_ path: String, bytes: Int64, of job: LiveJob) throws {
        let spec = try spec(of: job.id).flatMap { try? JobSpec($0) }
        let named = Set(spec?.outputs.map { ExactText($0) } ?? [])
        guard !named.contains(ExactText(path)) else { return }
        let others = try outputSizes(of: job.id, fence: job.fence).filter { other, _ in
            !other.isExactly(path) && !named.contains(ExactText(other))
        }
        guard others.reduce(bytes, { $0 &+ $1.bytes }) <= Self.unnamedOutputBytes else {
            throw Refusal.noRoom(
                "the job does not name \(path) among its outputs; files that it does not name may have "
                    + "\(Self.unnamedOutputBytes >> 20) MiB in all")
        }
    }

    /// Counts a machine that is being registered; 429 for an owner that has as many as one may.
    func takeMachine(of owner: OwnerID) throws {
        guard try !countMachine(of: owner, most: quotas.machines) else { return }
        throw Refusal.quota(
            "machines: at most \(quotas.machines) of one owner are registered (HATCHFARM_MACHINES); "
                + "delete some that are gone",
            retryAfterSeconds: 86_400)
    }

    /// Adds changes, by their keys, to what their owners have stored.
    package func sumUpStored(_ keys: [Int64]) throws { try addToStored(try takeStoredChanges(keys)) }
}
