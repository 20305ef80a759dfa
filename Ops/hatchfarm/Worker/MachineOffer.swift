internal import Bytes
internal import Domain
internal import Runtime
internal import Wire

/// What an owner offers of a machine, and under which rules.
struct MachineOffer: Sendable {
    var name = Hardware.name
    var capacity = Capacity(
        cpuCores: Double(Hardware.cores), memoryGB: (Double(Hardware.memoryBytes) / 1e8).rounded(.down) / 10)
    var rules = EnrollmentClient.openRules
    /// The price of a job, in minor units of USDT per hour; nil: the market price.
    var hourlyPrice: Int64?

    /// The capacity within these rules, whose percentages apply to the machine and not to the offer; of GPUs, the offer
    /// is what is known of the machine.
    func capacity(under rules: PolicyRules) -> Capacity {
        var allowed = capacity
        allowed.milliCores = min(allowed.milliCores ?? .max, Int64(Hardware.cores) * 10 * rules.maxCPUPercent)
        if let percent = rules.maxMemoryPercent {
            allowed.memoryMiB = min(allowed.memoryMiB ?? .max, Int64(Hardware.memoryBytes >> 20) * percent / 100)
        }
        if let percent = rules.maxGPUPercent { allowed.gpus = allowed.gpus * percent / 100 }
        return allowed
    }

    /// Registers the machine in its owner's name, with policy and consent.
    func enroll(by owner: Credentials) async throws(Failure) -> WorkerCredentials {
        do {
            return try await EnrollmentClient(
                server: owner.server, credential: owner.key, ownerID: owner.owner.map { OwnerID($0) }
            )
            .enroll(name: name, capacity: capacity, hourlyPrice: hourlyPrice, rules: rules)
        } catch {
            throw Failure(error, server: owner.server)
        }
    }
}

extension MachineOffer {
    /// Signs the rules for an enrolled machine; returns the new policy's id.
    func accept(_ workerID: MachineID, by owner: Credentials) async throws(Failure) -> PolicyID {
        do {
            return try await EnrollmentClient(
                server: owner.server, credential: owner.key, ownerID: owner.owner.map { OwnerID($0) }
            )
            .accept(rules: rules, for: workerID)
        } catch {
            throw Failure(error, server: owner.server)
        }
    }
}

/// Which executor runs the jobs.
enum ExecutorChoice: Sendable, Equatable {
    case sandbox
    /// A partition of a Slurm cluster, and a folder shared by its nodes.
    case slurm(partition: String, folder: String)
}

/// An enrolled machine's credentials in its state folder.
enum MachineFile {
    static func path(_ folder: String) -> String { "\(folder)/worker.json" }

    /// nil if the file doesn't exist. Throws if it is invalid or readable by others.
    static func read(_ folder: String) throws(Failure) -> WorkerCredentials? {
        guard Files.exists(path(folder)) else { return nil }
        return try WorkerCredentials(validating: path(folder))
    }

    static func write(_ credentials: WorkerCredentials, _ folder: String) throws(Failure) {
        try Files.makeFolder(folder, mode: 0o711)
        try credentials.replace(path(folder))
    }
}

extension WorkerCredentials {
    init(validating path: String) throws(Failure) {
        do {
            self = try WorkerCredentials(readingFrom: path)
        } catch {
            throw .misconfigured(error.message)
        }
    }

    func replace(_ path: String) throws(Failure) {
        do {
            try save(to: path)
        } catch {
            throw .misconfigured(error.message)
        }
    }
}

extension Failure {
    /// The failure for an error of the worker protocol.
    init(_ error: ServerError, server: String) {
        switch error {
        case .refused(404, _): self = .notFound(error.message)
        case .refused(400, _), .refused(413, _), .refused(422, _): self = .invalid(error.message)
        case .refused, .unauthorized, .lost, .ended: self = .refused(error.message)
        case .unreachable, .overloaded: self = .unreachable("\(server): \(error.message)")
        }
    }
}
