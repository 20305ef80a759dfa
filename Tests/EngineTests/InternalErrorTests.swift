import Bus
import Bytes
import Domain
import Engine
import Logging
import Store
import Support
import Synchronization
import Testing

@Suite("A bug of ours", .timeLimit(.minutes(1)))
struct InternalErrorTests {
    private static let price = 10 * Money.usdt

    @Test("costs the one whom it concerns, and no stranger reported with him", arguments: TestDatabase.all)
    func stranger(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        let lab = process.lab
        try await lab.enroll("worker", hourlyPrice: Lab.aDollarASecond)
        try await lab.fund(Lab.alice, Self.price)
        let id = try await lab.submit { $0.maxPrice = Self.price }
        for _ in 0..<30 { try await lab.submit(by: Lab.bob) }
        let leases = try await lab.claim(upTo: 31)
        #expect(leases.count == 31)
        try await lab.pass(.milliseconds(20))
        try await lab.database.write { try $0.execute("UPDATE ledger_accounts SET balance = 0 WHERE kind = 'held'") }
        let failed = Shared<[JobID: any Error]>([:])
        await withTaskGroup(of: Void.self) { group in
            for lease in leases {
                group.addTask {
                    do { try await process.finish(lease) } catch { failed.change { $0[lease.job] = error } }
                }
            }
        }
        #expect(Array(failed.value.keys) == [id])
        #expect(failed.value[id] is InternalError)
        // Nothing of that result was kept: the lease still holds, and nobody was paid.
        #expect(try await lab.state(id) == .running)
        #expect(try await lab.balance(of: Lab.farmer).available == 0)
    }

    /// Fails with each of these errors in turn, then ends its loop.
    private final class Failing: Ticking {
        static let topic = "failing"
        private let errors: Mutex<[any Error]>
        private let bus: LocalBus

        init(_ errors: [any Error], _ bus: LocalBus) {
            self.errors = Mutex(errors)
            self.bus = bus
        }

        func round() async throws -> Duration {
            guard let error = errors.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
                bus.close()
                return .seconds(60)
            }
            throw error
        }
    }

    @Test("is counted where it stops a service's round; an outage of others is not")
    func service() async throws {
        let bus = LocalBus(sleep: World.live.sleep)
        let errors: [any Error] = [
            InternalError("once"), DatabaseError.unavailable("away"), DatabaseError.busy("busy"),
            DatabaseError.failed(code: "42601", message: "syntax"),
        ]
        let noted = InternalErrors()
        await Loop(
            Failing(errors, bus), bus: bus, world: .live, logger: Logger(label: "test"), internalErrors: noted
        ).run()
        #expect(noted.count == 2)
    }

    @Test("in one job's spec leaves the others of its claim alone", arguments: TestDatabase.all)
    func spec(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        let reply = try await process.submit([
            Lab.job { $0.spec = #"{"command":["true"]}"# }, Lab.job { $0.spec = #"{"command":"# },
        ])
        guard case .accepted(let jobs, _) = reply else { throw NothingToClaim() }
        let worker = try await process.lab.enroll("worker")
        let grants = try await process.broker.claim(Lab.claim(by: worker, upTo: 2), wait: .zero)
        let granted = try await JobInputs(process.broker).granted(grants, to: worker.id)
        let commands = granted.reduce(into: [JobID: [String]]()) { $0[$1.grant.id] = $1.spec.command ?? [] }
        #expect(commands == [jobs[0].id: ["true"], jobs[1].id: []])
        #expect(process.broker.internalErrors.count == 1)
    }
}
