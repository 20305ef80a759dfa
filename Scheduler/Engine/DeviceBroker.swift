internal import Bus
package import Bytes
package import Domain
package import Store

/// Where devices bring their signs of life and claims: it gathers callers who come at the same moment (CONTRACT 6).
package final class DeviceBroker: Sendable {
    /// How often a device is to say that it lives, in milliseconds.
    package static let nextHeartbeat: Int64 = 30_000
    /// Even if every hint were lost, a waiting claim looks this often, in milliseconds.
    private static let longestSleep: Int64 = 5_000
    /// A token whose time is shorter than that by its use is prolonged, in milliseconds: once a day at the most.
    private static let prolongBelow = Device.tokenLasts - 86_400_000

    private let broker: JobBroker
    private let world: World
    private let patience: RowPatience
    private let beats: Batcher<DeviceBeat, DeviceBeatAnswer?>
    private let tokens: Batcher<String, DeviceTokenHolder?>
    private let prolongations: Batcher<String, Void>

    package init(_ broker: JobBroker, world: World) {
        self.broker = broker
        self.world = world
        patience = RowPatience(world)
        let database = broker.database
        // One round at a time: what comes meanwhile is written with the next, the latest of each device.
        beats = Batcher(rounds: 1) { round in
            let latest = Dictionary(round.map { ($0.device, $0) }) { _, last in last }
            let answers = try await database.write { try $0.beat(Array(latest.values)) }
            return round.map { .success(answers[$0.device]) }
        }
        tokens = Batcher { round in
            let holders = try await database.read { try $0.deviceTokenHolders(Array(Set(round))) }
            return round.map { .success(holders[$0]) }
        }
        prolongations = Batcher(rounds: 1) { round in
            try await database.write { try $0.prolongDeviceTokens(Array(Set(round))) }
            return round.map { _ in .success(()) }
        }
    }

    /// Whom a session token speaks for, by its SHA-256 hex; nil when it doesn't count. Its use prolongs it.
    package func holder(ofToken hash: String) async throws -> DeviceTokenHolder? {
        guard let holder = try await tokens(hash) else { return nil }
        if holder.expiresAt - world.now() < Self.prolongBelow { try await prolongations(hash) }
        return holder
    }

    /// Notes that a device lives; returns how many of its commands wait. Throws `Refusal.credentialEnded` when it isn't
    /// active any more.
    package func beat(_ beat: DeviceBeat) async throws -> Int64 {
        try await patience.answer {
            switch try await beats(beat) {
            case .written(let waiting)?: waiting
            case .taken?: nil
            case nil: throw Refusal.credentialEnded
            }
        }
    }

    /// Grants a device its commands, waiting for some up to `wait`: as `JobBroker.claim`. Throws
    /// `Refusal.credentialEnded` when it isn't active any more, or its session token has ended meanwhile.
    /// - Parameter token: the SHA-256 hex of the session token with which it came; nil when it came by its secret.
    package func claim(
        _ claim: Claim, of device: DeviceID, token: String? = nil, wait: Duration,
        isAbandoned: @escaping @Sendable () -> Bool = { false }
    ) async throws -> [Grant] {
        var claim = claim
        claim.device = device
        let deadline = world.monotonic() + wait.milliseconds
        // Before it looks: what becomes ready in between notifies the subscription.
        let subscription = broker.bus.subscribe(DeviceTopic.device(device))
        // Repeated, it may get what it has, though nothing waits.
        var isSure = claim.isRepeatable
        while true {
            let isWorth = try await isSure ? true : isWaiting(device)
            if isWorth {
                let answer = try await broker.database.write { [claim] in try $0.claim(claim, hints: .none) }
                broker.stats.claimed(answer)
                if !answer.grants.isEmpty || answer.isRepeated { return answer.grants }
            }
            isSure = false
            guard try await sleep(subscription, until: deadline, isAbandoned) else { return [] }
            // Meanwhile its token may have ended, and its id may be another device's.
            if let token, try await tokens(token)?.device != device { throw Refusal.credentialEnded }
        }
    }

    /// Whether a claim is worth its locks.
    private func isWaiting(_ device: DeviceID) async throws -> Bool {
        guard let queue = try await broker.database.read({ try $0.deviceQueue(device) }) else {
            throw Refusal.credentialEnded
        }
        return queue.waiting > 0
    }

    /// False when the claim has waited long enough.
    private func sleep(
        _ subscription: Subscription, until deadline: Int64, _ isAbandoned: @Sendable () -> Bool
    ) async throws -> Bool {
        let left = deadline - world.monotonic()
        guard left > 0, !isAbandoned() else { return false }
        if case .closed = await subscription.wait(for: .milliseconds(min(left, Self.longestSleep))) { return false }
        return true
    }
}

extension ClaimHints {
    /// Of a claim that knows what it may have.
    fileprivate static let none = ClaimHints(classes: { _ in [] }, service: { _ in 0 })
}
