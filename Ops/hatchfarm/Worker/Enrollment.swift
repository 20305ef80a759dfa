internal import Bytes
internal import Domain
internal import Runtime

/// Determines the machine's credentials: existing ones, with newly signed rules if they have changed, or new ones.
struct Enrollment: Sendable {
    let offer: MachineOffer
    /// Whether to sign the offer's rules if they differ from those of the enrolled machine.
    let signsChangedRules: Bool
    /// Where the machine's credentials are kept.
    let path: String
    let log: @Sendable (WorkerLogEntry) -> Void

    /// - Parameter owner: called only when something must be signed.
    func worker(
        _ known: WorkerCredentials?, owner: () throws(Failure) -> Credentials
    ) async throws(Failure) -> WorkerCredentials {
        guard let known else {
            let owner = try owner()
            log(.signing(owner: owner.owner, rules: offer.rules))
            try Files.makeFolder(folder, mode: 0o711)
            // Before registering: a token that can't be saved is lost.
            try Files.requireWritable(folder)
            let worker = try await offer.enroll(by: owner)
            try worker.replace(path)
            return worker
        }
        guard signsChangedRules, known.rules != offer.rules else { return known }
        let owner = try owner()
        log(.signing(owner: owner.owner, rules: offer.rules))
        var worker = known
        worker.policyID = try await offer.accept(known.workerID, by: owner)
        worker.rules = offer.rules
        try worker.replace(path)
        return worker
    }

    private var folder: String { String(path.dropLast(Files.name(path).count + 1)) }
}
