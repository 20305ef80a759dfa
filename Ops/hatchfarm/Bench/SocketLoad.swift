internal import Glibc
internal import Synchronization

/// Devices on sockets that say that they live, others that do so over HTTP at a fixed rate, and commands that are sent
/// meanwhile; after a reconnect of all sockets at once.
struct SocketLoad: Sendable {
    let settings: BenchSettings
    let server: ServerUnderTest
    let devices: [SocketSwarm.Device]
    /// Their session tokens.
    let tokens: [String]
    let customerToken: String

    /// Threads that hold sockets, and those that call over HTTP.
    private static let (swarms, callers) = (2, 16)
    /// Heartbeats a second over HTTP, and commands.
    private static let (beats, commands) = (2_000, 50)
    private static let patience: UInt64 = 60

    func round() throws -> [Reading] {
        let sent = Mutex([UInt64](repeating: 0, count: devices.count))
        let connects = Mutex<[UInt64]>([])
        let isReady = Mutex(0)
        let seconds = UInt64(settings.seconds)
        let sum = Mutex((sockets: Tally(), beats: Tally(), accepted: 0))
        _ = try ClientPool.run(Self.swarms + Self.callers + 1) { index in
            if index < Self.swarms {
                let mine = devices.filter { $0.number % Self.swarms == index }
                let swarm = SocketSwarm(mine, port: server.port)
                // Twice: the second time all come back at once.
                for _ in 0..<2 {
                    swarm.closeAll()
                    let start = Ticks.now()
                    try swarm.connectAll(within: Self.patience)
                    connects.withLock { $0.append(Ticks.now() - start) }
                }
                isReady.withLock { $0 += 1 }
                while isReady.withLock({ $0 < Self.swarms }) { usleep(10_000) }
                var tally = Tally()
                try swarm.run(until: Ticks.now() + seconds * 1_000_000_000) { number, frame in
                    answer(frame, sent.withLock { $0[number] }, &tally)
                }
                sum.withLock { $0.sockets = Tally.sum([$0.sockets, tally]) }
                return tally
            }
            while isReady.withLock({ $0 < Self.swarms }) { usleep(10_000) }
            // Ends before the sockets do.
            let end = Ticks.now() + max(1, seconds - 1) * 1_000_000_000
            let tally =
                index < Self.swarms + Self.callers
                ? try beat(index - Self.swarms, until: end) : try command(until: end, sent)
            sum.withLock { sum in
                if index < Self.swarms + Self.callers {
                    sum.beats = Tally.sum([sum.beats, tally])
                } else {
                    sum.accepted = tally.jobs
                }
            }
            return tally
        }
        let (sockets, beats, accepted) = sum.withLock { $0 }
        guard sockets.jobs == accepted else {
            throw Failure.unexpected("\(accepted) commands were sent, and \(sockets.jobs) arrived")
        }
        let last = connects.withLock { $0.suffix(Self.swarms).max() ?? 0 }
        return [
            .time("reconnect of all", last), .calls("heartbeats", beats.jobs, max(1, seconds - 1) * 1_000_000_000),
        ] + Reading.latencies("heartbeat", beats.latencies) + Reading.latencies("command", sockets.latencies)
            + [Reading(name: "server, resident", unit: .megabytes, value: try server.megabytes("VmRSS"))]
    }

    /// Reports a command that arrived; nil for any other frame.
    private func answer(_ frame: UnsafeRawBufferPointer, _ sentAt: UInt64, _ tally: inout Tally) -> [UInt8]? {
        var scanner = ByteScanner(frame)
        guard scanner.text(after: #""type":""#).map({ $0.elementsEqual("command".utf8) }) == true,
            let id = scanner.text(after: #""id":""#), let token = scanner.text(after: #""claimToken":""#)
        else { return nil }
        tally.latencies.append(Ticks.now() - sentAt)
        tally.jobs += 1
        let (name, key) = (String(decoding: id, as: UTF8.self), String(decoding: token, as: UTF8.self))
        return Frames.text(
            """
            {"type":"command_result","data":{"commandId":"\(name)","claimToken":"\(key)","status":"success",\
            "executedAt":"2026-01-01T00:00:00Z","duration":1}}
            """)
    }

    /// Heartbeats over HTTP at this thread's share of the rate.
    private func beat(_ thread: Int, until end: UInt64) throws -> Tally {
        let connection = try RawConnection(host: ServerUnderTest.host, port: server.port)
        let body = #"{"status":"online","metrics":{"cpu":1,"memory":2,"uptime":3}}"#
        let interval = UInt64(1_000_000_000 * Self.callers / Self.beats)
        var tally = Tally()
        var next = Ticks.now() + UInt64(thread) * interval / UInt64(Self.callers)
        var device = thread
        while next < end {
            let now = Ticks.now()
            if now < next { usleep(UInt32(clamping: (next - now) / 1_000)) }
            let head = "Host: \(ServerUnderTest.host)\r\nX-Device-Token: \(tokens[device % tokens.count])\r\n"
            device += Self.callers
            let start = Ticks.now()
            let answer = try connection.exchange(Requests.post("/api/v1/device/heartbeat", head, body))
            guard answer.status == 200 else {
                throw Failure.unexpected("a heartbeat got \(answer.status): \(answer.text)")
            }
            tally.latencies.append(Ticks.now() - start)
            tally.jobs += 1
            next += interval
        }
        return tally
    }

    /// Commands, one after another, each for another device.
    private func command(until end: UInt64, _ sent: borrowing Mutex<[UInt64]>) throws -> Tally {
        let connection = try RawConnection(host: ServerUnderTest.host, port: server.port)
        let head = "Host: \(ServerUnderTest.host)\r\nAuthorization: Bearer \(customerToken)\r\n"
        let interval = UInt64(1_000_000_000 / Self.commands)
        var tally = Tally()
        var next = Ticks.now()
        while next < end {
            let now = Ticks.now()
            if now < next { usleep(UInt32(clamping: (next - now) / 1_000)) }
            let device = devices[(tally.jobs * 37) % devices.count]
            sent.withLock { $0[device.number] = Ticks.now() }
            let path = "/api/v1/customer/devices/\(device.id)/commands"
            let answer = try connection.exchange(Requests.post(path, head, #"{"type":"ping"}"#))
            guard answer.status == 201 else {
                throw Failure.unexpected("a command got \(answer.status): \(answer.text)")
            }
            tally.jobs += 1
            next += interval
        }
        return tally
    }
}
