internal import Domain
internal import Runtime
internal import Sandbox
internal import Synchronization

/// The machine's GPUs that are lent, and which of them jobs have.
final class MachineGPUs: Sendable {
    /// Each GPU's device files.
    private let gpus: [[String]]
    /// The device files that every job with a GPU gets.
    private let shared: [String]
    /// Places in `gpus`.
    private let taken = Mutex<Set<Int>>([])

    init(_ gpus: [[String]] = [], shared: [String] = []) {
        self.gpus = gpus
        self.shared = shared
    }

    /// As many as the capacity has, which the owner's rules have already cut.
    convenience init(_ configuration: WorkerConfiguration) {
        let lent = configuration.gpus.enumerated().filter { Int64($0.offset) < configuration.capacity.gpus }
        self.init(lent.map { $0.element }, shared: configuration.sharedGPUDevices)
    }

    /// Takes the first that no job has. Release them when the job has ended.
    /// - Throws: `noRoom` when fewer than `count` are free.
    func take(_ count: Int64) throws(MachineFault) -> JobGPUs {
        guard count > 0 else { return JobGPUs(places: [], own: [], devices: []) }
        let places = taken.withLock { taken -> [Int]? in
            let free = gpus.indices.filter { !taken.contains($0) }
            guard count <= Int64(free.count) else { return nil }
            let places = Array(free.prefix(Int(count)))
            taken.formUnion(places)
            return places
        }
        guard let places else { throw MachineFault("fewer than \(count) GPUs of this machine are free", .noRoom) }
        let own = places.flatMap { gpus[$0] }
        return JobGPUs(places: places, own: own, devices: own + shared)
    }

    func release(_ given: JobGPUs) {
        taken.withLock { $0.subtract(given.places) }
    }

    /// What keeps jobs from using one of them, as when its driver is gone; `nil`: nothing does.
    var fault: String? {
        for path in gpus.flatMap({ $0 }) + shared {
            do {
                _ = try DeviceFile(path)
            } catch {
                return "GPU: \(path) \(error.message)"
            }
        }
        return nil
    }
}

/// What one job is given of the machine's GPUs; a job that needs none has nothing.
struct JobGPUs: Sendable {
    fileprivate let places: [Int]
    /// The device files of its GPUs.
    let own: [String]
    /// All device files that it may open: its own, and those shared with others.
    let devices: [String]

    fileprivate init(places: [Int], own: [String], devices: [String]) {
        self.places = places
        self.own = own
        self.devices = devices
    }

    /// What tells the job's program.
    var environment: [(name: String, value: String)] {
        own.isEmpty ? [] : [(name: "HATCHFARM_GPUS", value: own.joined(separator: ","))]
    }
}
