internal import Bytes
internal import Domain
internal import Runtime

/// How a machine comes to its credentials: those it has, those with newly signed rules, or new ones.
struct Enrollment: Sendable {
    let offer: MachineOffer
    /// Whether the offer's rules are to be signed when the machine is enrolled under others.
    let signsAnew: Bool
    /// Where the machine's credentials are kept.
    let path: String
    let tell: @Sendable (WorkerNews) -> Void

    /// - Parameter owner: asked only when something must be signed.
    func worker(
        _ known: WorkerCredentials?, owner: () throws(Failure) -> Credentials
    ) async throws(Failure) -> WorkerCredentials {
        guard let known else {
            let owner = try owner()
            tell(.signs(owner: owner.owner, rules: offer.rules))
            try Files.makeFolder(folder, mode: 0o711)
            // Before the server is told: a token that can't be kept is lost.
            try Files.requireWritable(folder)
            let worker = try await offer.enroll(by: owner)
            try worker.replace(path)
            return worker
        }
        guard signsAnew, known.rules != offer.rules else { return known }
        let owner = try owner()
        tell(.signs(owner: owner.owner, rules: offer.rules))
        var worker = known
        worker.policyID = try await offer.accept(known.workerID, by: owner)
        worker.rules = offer.rules
        try worker.replace(path)
        return worker
    }

    private var folder: String { String(path.dropLast(Files.name(path).count + 1)) }
}
