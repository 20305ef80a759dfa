internal import Bytes
internal import Runtime

/// A device at work: signed in, on its socket or claiming over HTTP, with heartbeats, until it is stopped.
actor DeviceLoop {
    struct Options: Sendable {
        var usesSocket = true
        /// One claim without the socket, and then the end.
        var once = false
    }

    /// How long commands may go on after SIGTERM, and then their results.
    private static let grace: Int64 = 10_000
    private static let lastReports: Int64 = 5_000
    /// After a connection that lasted this long the next attempt comes soon.
    private static let goodConnection: Int64 = 30_000
    private static let longPoll: Int64 = 20_000
    private static let heartbeats: ClosedRange<Int64> = 1_000...300_000

    private let gateway: DeviceGateway
    private let calls: DeviceCalls
    private let commands: HeldCommands
    private let options: Options
    /// The state folder.
    private let folder: String
    private let log: DeviceLog
    private let world: World
    private var metrics = DeviceMetrics()
    private var link: DeviceLink?
    private var isStopping = false
    private var isAborting = false
    /// Ends what the loop waits for.
    private var interrupt: (@Sendable () -> Void)?
    /// The last problem that was logged, so that it isn't logged again and again.
    private var problem: String?

    init(
        _ gateway: DeviceGateway, _ journal: DeviceJournal, _ runner: CommandRunner, folder: String, _ options: Options,
        _ log: DeviceLog, world: World = .live
    ) {
        self.gateway = gateway
        self.folder = folder
        self.options = options
        self.log = log
        self.world = world
        let calls = DeviceCalls(gateway)
        self.calls = calls
        commands = HeldCommands(calls, journal, runner, log, world: world)
    }

    /// Runs until it is stopped.
    /// - Throws: `.refused` when the server doesn't accept the device's secret.
    func run() async throws(Failure) {
        var background: [Task<Void, Never>] = []
        var failure: Failure?
        do throws(Failure) {
            try await signIn()
            await commands.report()
            await wait(Self.lastReports, until: { await $0.isIdle })
            background.append(Task { [commands] in await commands.keepLeases() })
            if options.once {
                _ = await beat()
                try await claimOne()
            } else {
                background.append(Task { await self.keepBeating() })
                try await work()
            }
        } catch {
            failure = error
        }
        await finish()
        for task in background {
            task.cancel()
            await task.value
        }
        if let failure { throw failure }
    }

    /// For SIGTERM: takes no more, and lets commands finish for a while.
    func stop() {
        if !isStopping { log("stopping") }
        isStopping = true
        interrupt?()
    }

    /// For a second one: lets nothing finish.
    func abort() {
        isAborting = true
        stop()
    }

    private func finish() async {
        isStopping = true
        await commands.takeNoMore()
        await wait(Self.grace, until: { await $0.count == 0 }, isAbortable: true)
        await commands.stop()
        await wait(Self.lastReports, until: { await $0.isIdle })
        await commands.end()
        link?.close()
    }

    /// Looks every 50 ms, for so many milliseconds at the most; `isAbortable`: until the device aborts.
    private func wait(
        _ milliseconds: Int64, until isMet: @Sendable (HeldCommands) async -> Bool, isAbortable: Bool = false
    ) async {
        let deadline = world.monotonic() + milliseconds
        while await !isMet(commands), world.monotonic() < deadline, !(isAbortable && isAborting) {
            try? await world.sleep(.milliseconds(50))
        }
    }

    /// Until the server accepts it. With `once` there is one attempt.
    private func signIn() async throws(Failure) {
        var jitter = FullJitter()
        while !isStopping {
            do throws(ServerError) {
                return try await gateway.signIn()
            } catch {
                switch error {
                case .unauthorized:
                    throw Failure.refused("the server doesn't accept this device's secret: \(error.message)")
                case .refused(404, _): throw Failure.notFound(error.message)
                // Suspended: its customer may resume it.
                default: if options.once { throw Failure(error, server: gateway.identity.server) }
                }
                note(error.message)
            }
            await pause(jitter.next(in: world))
        }
    }

    /// Logs a problem, unless it is the one that was logged last.
    private func note(_ text: String) {
        if problem != text, !isStopping { log(text) }
        problem = text
    }

    /// Returns after so many milliseconds, or when the device is stopped.
    private func pause(_ milliseconds: Int64) async {
        guard !isStopping else { return }
        let sleep = Task { [world] in _ = try? await world.sleep(.milliseconds(milliseconds)) }
        interrupt = { sleep.cancel() }
        await sleep.value
        interrupt = nil
    }
}

/// Where commands come from.
extension DeviceLoop {
    /// On the socket; without one, over HTTP until the next attempt to open it.
    private func work() async throws(Failure) {
        var jitter = FullJitter()
        while !isStopping {
            guard options.usesSocket else {
                try await claim(until: .max)
                continue
            }
            let started = world.monotonic()
            try await connect()
            if world.monotonic() - started >= Self.goodConnection { jitter.reset() }
            try await claim(until: world.monotonic() + jitter.next(in: world))
        }
    }

    /// Returns when the socket is closed, or couldn't be opened.
    private func connect() async throws(Failure) {
        let opened: DeviceLink
        do {
            opened = try await DeviceLink.open(gateway.identity, world: world)
        } catch let refused as ClientSocket.Refused {
            note("the server refused the socket (\(refused.status))")
            // Tells whether the secret is wrong, or the device suspended.
            if refused.status == 401 || refused.status == 403 { try await signIn() }
            return
        } catch {
            return note((error as? Failure)?.message ?? "\(error)")
        }
        log("connected to \(gateway.identity.server)")
        (link, problem) = (opened, nil)
        calls.use(opened)
        Task {
            let reason = await opened.run { message in await self.receive(message) }
            self.closed(opened, reason)
        }
        while !isStopping, !opened.isClosed { await pause(60_000) }
    }

    private func closed(_ old: DeviceLink, _ reason: String) {
        if link === old { (link, _) = (nil, calls.use(nil)) }
        if !isStopping { log("disconnected: \(reason)") }
        interrupt?()
    }

    private func receive(_ message: JSON) async {
        switch message["type"]?.string {
        case "command":
            guard let command = ReceivedCommand(message["data"] ?? message["payload"] ?? .null) else {
                return log("the server sent a command that can't be read")
            }
            await commands.take(command)
        case "config_update": keep(message["data"] ?? .null)
        case "error": log("the server says: \(message["error"]?["message"]?.string ?? "an error")")
        default: break
        }
    }

    /// What the customer configures is for other programs of the device, in the state folder.
    private func keep(_ configuration: JSON) {
        do throws(Failure) {
            try DurableFile.replace(configuration.bytes(.compact) + [UInt8(ascii: "\n")], at: "\(folder)/config.json")
            log("new configuration in \(folder)/config.json")
        } catch {
            log("the configuration can't be kept: \(error.message)")
        }
    }

    /// Long polls up to a moment of the monotonic clock.
    private func claim(until deadline: Int64) async throws(Failure) {
        var jitter = FullJitter()
        while !isStopping {
            let rest = deadline - world.monotonic()
            guard rest > 0 else { return }
            let held = await commands.count
            guard held < HeldCommands.limit else {
                await pause(min(rest, 250))
                continue
            }
            let (started, wait) = (world.monotonic(), min(rest, Self.longPoll))
            let granted = try await claim(limit: HeldCommands.limit - held, wait: wait)
            // A server that answers "none" before its time isn't asked at once again.
            let isHasty = granted == 0 && world.monotonic() - started < wait / 2
            if granted == nil || isHasty { await pause(min(rest, jitter.next(in: world))) } else { jitter.reset() }
        }
    }

    /// One long poll; returns how many commands it got, nil when the server couldn't be asked.
    private func claim(limit: Int, wait: Int64) async throws(Failure) -> Int? {
        let request = Task { [gateway] () async -> Result<[ReceivedCommand], ServerError> in
            do throws(ServerError) {
                return .success(
                    try await gateway.claim(
                        limit: limit, waitMilliseconds: wait, lease: HeldCommands.leaseMilliseconds))
            } catch {
                return .failure(error)
            }
        }
        interrupt = { request.cancel() }
        let result = await request.value
        interrupt = nil
        switch result {
        case .success(let granted):
            problem = nil
            for command in granted { await commands.take(command) }
            return granted.count
        case .failure(.unauthorized(let message)):
            throw Failure.refused("the server doesn't accept this device's secret: \(message)")
        case .failure(let error):
            note(error.message)
            return nil
        }
    }

    /// For `--once`.
    private func claimOne() async throws(Failure) {
        guard let count = try await claim(limit: 1, wait: Self.longPoll) else {
            throw Failure.unreachable(problem ?? "the server couldn't be asked")
        }
        if count == 0 { log("no command") }
        while !isStopping, await commands.count > 0 { await pause(50) }
    }
}

/// Heartbeats.
extension DeviceLoop {
    private func keepBeating() async {
        while !Task.isCancelled {
            let interval = await beat()
            try? await world.sleep(.milliseconds(interval))
        }
    }

    /// Returns how many milliseconds to wait for the next one.
    private func beat() async -> Int64 {
        let isBusy = await commands.count > 0
        let body: JSON = [
            "timestamp": .string(RFC3339.format(world.now())), "status": isBusy ? "busy" : "online",
            "metrics": metrics.sample(),
        ]
        do throws(ServerError) {
            let reply = try await calls.heartbeat(body)
            let interval = reply["nextHeartbeat"]?.int ?? 30_000
            return min(max(interval, Self.heartbeats.lowerBound), Self.heartbeats.upperBound)
        } catch {
            note(error.message)
            return 10_000
        }
    }
}
