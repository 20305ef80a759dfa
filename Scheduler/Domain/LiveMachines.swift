/// What keeps a machine from a job. In the words of the fields that a job is asked for with.
package enum Lack: Hashable, Comparable, Sendable {
    case cores, memory, gpus
    case label(String)
    /// The machine shields less than the job asks for, or its owner wants jobs to ask for more.
    case isolation
    case minutes, price
    /// The kind or the queue is none that the worker asks for.
    case kind, queue

    /// As in `3 have too few cpu_cores`.
    fileprivate func words(_ machines: Int) -> String {
        let (have, do_, ask) = machines == 1 ? ("has", "does", "asks") : ("have", "do", "ask")
        return switch self {
        case .cores: "\(machines) \(have) too few cpu_cores"
        case .memory: "\(machines) \(have) too little memory_gb"
        case .gpus: "\(machines) \(have) too few gpu"
        case .label(let label): "\(machines) \(do_) not have the label \(label)"
        case .isolation: "\(machines) \(do_) not run jobs of this isolation"
        case .minutes: "\(machines) \(do_) not take jobs of such duration_minutes"
        case .price: "\(machines) \(ask) more than max_price_usdt pays"
        case .kind: "\(machines) \(do_) not take jobs of this type"
        case .queue: "\(machines) \(do_) not serve the queue"
        }
    }
}

extension Offer {
    /// All that keeps a job of this class from running here: nothing exactly when it `fits`.
    package func lacks(_ need: Requirement) -> [Lack] {
        var lacks: [Lack] = []
        if need.milliCores > milliCores ?? .max { lacks.append(.cores) }
        if need.memoryMiB > memoryMiB ?? .max { lacks.append(.memory) }
        if need.gpus > gpus { lacks.append(.gpus) }
        lacks += need.labels.filter { !labels.contains($0) }.map { .label($0) }
        if need.isolation > isolation || need.isolation < leastIsolation { lacks.append(.isolation) }
        if need.minutes > maxMinutes ?? .max { lacks.append(.minutes) }
        if !need.affords(asking.rate(of: need)) { lacks.append(.price) }
        if !kinds.contains(need.kind) { lacks.append(.kind) }
        if let queues, !queues.contains(need.queue) { lacks.append(.queue) }
        return lacks
    }
}

/// What the machines that are heard of offer when nothing runs on them, like ones counted together: what a claim of
/// theirs would be judged by, but for the queues and the room that only the claim knows.
package struct LiveMachines: Sendable {
    private var offers: [Offer: Int] = [:]
    /// Those that take no job now, whatever it needs: draining, outside their policy's hours, without a consent to an
    /// active policy.
    private var closed = 0

    package init() {}

    /// - Parameter offer: without worker and owner; nil for a machine that takes no job now.
    package mutating func add(_ offer: Offer?) {
        if let offer { offers[offer, default: 0] += 1 } else { closed += 1 }
    }

    /// How many different ones there are.
    package var kinds: Int { offers.count }

    /// Why a job that may be claimed has not been.
    package func reason(for need: Requirement) -> String {
        var fitting = 0
        var all = closed
        var lacking: [Lack: Int] = [:]
        for (offer, machines) in offers {
            all += machines
            let lacks = offer.lacks(need)
            if lacks.isEmpty { fitting += machines }
            for lack in lacks { lacking[lack, default: 0] += machines }
        }
        guard all > 0 else { return "no machine is live" }
        if fitting > 0 { return "waits for a worker to be free: \(fitting) of \(all) live machines fit" }
        // What the most of them lack comes first.
        let told = lacking.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { $0.key.words($0.value) }
        let idle = closed == 0 ? [] : ["\(closed) \(closed == 1 ? "takes" : "take") no jobs now"]
        return "no live machine fits: of \(all), " + (told + idle).joined(separator: "; ")
    }
}
