internal import Bytes

/// Sends a command to all devices of a customer at a rate, watches how the commands end, and stops when too many fail.
struct FleetRollout {
    struct Plan: Sendable {
        /// Of each call.
        let body: JSON
        /// Commands, 1–6,000.
        let perMinute: Int64
        /// Percent of the ended commands that may have failed; nil: all.
        let abortAbove: Double?
        /// How long to watch after the last command.
        let watchMilliseconds: Int64
    }

    /// So many must have ended before the share of those that failed counts.
    private static let fewestEnded = 5
    /// So many refusals in a row, and the next device would be refused as well.
    private static let refusalsInARow = 20
    private static let pageSize = 100
    /// The server lists no further.
    private static let lastOffset = 100_000
    /// Between two looks at a command, in milliseconds.
    private static let lookEvery: Int64 = 100

    private struct Sent {
        let device: String
        let command: String
    }

    private struct Counts {
        var sent = 0
        var completed = 0
        var failed = 0
        var withdrawn = 0
        var refused = 0
        var skipped = 0
    }

    private let client: Client
    private let plan: Plan
    private let asJSON: Bool
    /// Makes the idempotency keys of its calls.
    private let name = Hex.encode(World.live.random(8))
    private var status = StatusLine(toErrors: true)
    private var counts = Counts()
    /// Commands that had not ended when they were last looked at, the one to look at next first.
    private var open: [Sent] = []
    private var nextLook: Int64 = 0
    private var refusedInARow = 0
    /// Why it stopped before the last device.
    private var reason: String?

    init(_ client: Client, _ plan: Plan, asJSON: Bool) {
        self.client = client
        self.plan = plan
        self.asJSON = asJSON
    }

    /// Prints a summary; throws `.jobFailed` if it was aborted.
    consuming func run() async throws {
        try await sendToAll()
        let deadline = World.live.monotonic() + plan.watchMilliseconds
        while !open.isEmpty, reason == nil, World.live.monotonic() < deadline {
            try await watch(until: min(deadline, World.live.monotonic() + Self.lookEvery))
        }
        if reason != nil { await withdraw() }
        status.end()
        Output.line(summary)
        if let reason { throw Failure.jobFailed("aborted: \(reason)") }
    }

    private mutating func sendToAll() async throws {
        let interval = 60_000 / plan.perMinute
        var seen: Set<String> = []
        var offset = 0
        var due = World.live.monotonic()
        while offset <= Self.lastOffset {
            let page: [(String, String?)] = [
                ("status", "all"), ("limit", "\(Self.pageSize)"), ("offset", "\(offset)"),
            ]
            let reply = try await Self.patiently { [client] in try await client.get(FleetText.devices, page) }
            guard let devices = reply["devices"]?.array, !devices.isEmpty else { return }
            offset += devices.count
            for device in devices {
                guard let id = device["id"]?.string, seen.insert(id).inserted else { continue }
                guard !["provisioned", "suspended"].contains(device["status"]?.string) else {
                    counts.skipped += 1
                    continue
                }
                try await watch(until: due)
                if reason != nil { return }
                try await send(to: id)
                due = max(due + interval, World.live.monotonic())
            }
        }
    }

    private mutating func send(to device: String) async throws {
        let key = "fleet-\(name)-\(counts.sent + counts.refused)"
        do {
            let reply = try await Self.patiently { [client, plan] in
                try await client.post(
                    FleetText.commands(device), plan.body, headers: [("Idempotency-Key", key)])
            }
            guard let command = (reply["command"] ?? reply)["id"]?.string else {
                throw Failure.unexpected("the response has no id")
            }
            open.append(Sent(device: device, command: command))
            counts.sent += 1
            refusedInARow = 0
        } catch let failure as Failure {
            try note(failure, of: device)
        }
    }

    /// One device may refuse what others take. What the first of all refuses is wrong for all.
    private mutating func note(_ failure: Failure, of device: String) throws(Failure) {
        switch failure {
        case .invalid, .refused, .notFound:
            if case .invalid = failure, counts.sent == 0 { throw failure }
            counts.refused += 1
            refusedInARow += 1
            status.line("\(FleetText.oneLine(device)): \(failure.message)")
            if refusedInARow >= Self.refusalsInARow { reason = "\(refusedInARow) commands in a row were refused" }
        default: reason = failure.message
        }
    }

    /// Looks at the open commands in turn, until a moment of the monotonic clock.
    private mutating func watch(until moment: Int64) async throws {
        while reason == nil {
            let rest = moment - World.live.monotonic()
            guard rest > 0 else { return }
            try await look()
            try await World.live.sleep(.milliseconds(min(rest, Self.lookEvery)))
        }
    }

    private mutating func look() async throws {
        let now = World.live.monotonic()
        guard now >= nextLook, !open.isEmpty else { return }
        nextLook = now + Self.lookEvery
        let one = open.removeFirst()
        let state: JSON
        do {
            let reply = try await client.get(FleetText.command(one.device, one.command))
            state = reply["command"] ?? reply
        } catch Failure.notFound {
            counts.withdrawn += 1
            return
        } catch is Failure {
            open.append(one)
            return
        }
        switch FleetText.ending(state) {
        case nil: open.append(one)
        case .completed: counts.completed += 1
        case .withdrawn: counts.withdrawn += 1
        case .failed:
            counts.failed += 1
            status.line("\(FleetText.oneLine(one.device)) \(FleetText.status(state))")
        }
        judge()
        if status.isTerminal { status.update(progress) }
    }

    private mutating func judge() {
        let ended = counts.completed + counts.failed
        guard let limit = plan.abortAbove, ended >= Self.fewestEnded,
            Double(counts.failed) * 100 > limit * Double(ended)
        else { return }
        let percent = Text.fixed(limit, limit == limit.rounded() ? 0 : 1)
        reason = "\(counts.failed) of \(ended) commands failed, more than \(percent) %"
    }

    /// Cancels what no device has taken yet.
    private mutating func withdraw() async {
        var left: [Sent] = []
        for one in open {
            let path = FleetText.command(one.device, one.command)
            let reply = try? await client.get(path)
            let state = (reply?["command"] ?? reply)?["status"]?.string
            guard state == "pending" || state == "pending_approval",
                (try? await client.delete(path)) != nil
            else {
                left.append(one)
                continue
            }
            counts.withdrawn += 1
        }
        open = left
    }

    private var progress: String {
        "\(counts.sent) sent, \(counts.completed) completed, \(counts.failed) failed, \(open.count) open"
    }

    private var summary: String {
        guard asJSON else {
            return "\(progress), \(counts.withdrawn) cancelled, \(counts.refused) refused, \(counts.skipped) skipped"
        }
        let json: JSON = [
            "sent": JSON(counts.sent), "completed": JSON(counts.completed), "failed": JSON(counts.failed),
            "open": JSON(open.count), "cancelled": JSON(counts.withdrawn), "refused": JSON(counts.refused),
            "skipped": JSON(counts.skipped), "aborted": reason.map(JSON.string) ?? .null,
        ]
        return json.text(.compact)
    }

    /// A server that is away for a while is waited for.
    private static func patiently(_ call: @Sendable () async throws -> JSON) async throws -> JSON {
        let started = World.live.monotonic()
        while true {
            do {
                return try await call()
            } catch Failure.unreachable(let reason) {
                guard World.live.monotonic() - started < JobFollower.reconnectTimeout else {
                    throw Failure.unreachable(reason)
                }
            }
            try await World.live.sleep(.seconds(1))
        }
    }
}
