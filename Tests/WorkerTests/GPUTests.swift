import Domain
@testable import Executors
import Glibc
@testable import Runtime
@testable import Sandbox
import Support
import Synchronization
import Testing
import Wire

@Suite("GPUs", .timeLimit(.minutes(1)))
struct GPUTests {
    private func expectTooMany(_ count: Int64, of gpus: MachineGPUs) {
        do {
            _ = try gpus.take(count)
            Issue.record("\(count) were given")
        } catch {
            #expect(error.cause == .noRoom && error.message.contains("\(count) GPUs"), "\(error)")
        }
    }

    @Test("a job gets as many as it needs, the first that are free, with what all share; then they are free again")
    func taken() throws {
        let gpus = MachineGPUs([["/dev/a0", "/dev/a1"], ["/dev/b"], ["/dev/c"]], shared: ["/dev/ctl"])
        let first = try gpus.take(1)
        #expect(first.own == ["/dev/a0", "/dev/a1"] && first.devices == ["/dev/a0", "/dev/a1", "/dev/ctl"])
        #expect(first.environment.map { "\($0.name)=\($0.value)" } == ["HATCHFARM_GPUS=/dev/a0,/dev/a1"])
        for count in [Int64(3), .max] { expectTooMany(count, of: gpus) }
        let others = try gpus.take(2)
        #expect(others.own == ["/dev/b", "/dev/c"])
        expectTooMany(1, of: gpus)
        for none in [Int64(0), -1, .min] {
            let given = try gpus.take(none)
            #expect(given.devices.isEmpty && given.environment.isEmpty)
            gpus.release(given)
        }
        gpus.release(first)
        #expect(try gpus.take(1).own == first.own)
        expectTooMany(1, of: gpus)
        expectTooMany(1, of: MachineGPUs())
    }

    /// What jobs have at this moment.
    private final class Held: Sendable {
        let paths = Mutex<Set<String>>([])
    }

    @Test("of many jobs at once no two have the same one")
    func atOnce() async throws {
        let gpus = MachineGPUs((0..<4).map { ["/dev/\($0)"] })
        let held = Held()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<300 {
                group.addTask {
                    guard let given = try? gpus.take(Int64(index % 3)) else { return }
                    let isAlone = held.paths.withLock { held in
                        let isAlone = held.isDisjoint(with: given.own)
                        held.formUnion(given.own)
                        return isAlone
                    }
                    #expect(isAlone)
                    await Task.yield()
                    held.paths.withLock { $0.subtract(given.own) }
                    gpus.release(given)
                }
            }
        }
        #expect(try gpus.take(4).own.count == 4)
    }

    @Test("as many are lent as the capacity has, the first ones", arguments: [Int64(0), 1, 2, 3])
    func lent(count: Int64) throws {
        let credentials = WorkerCredentials(workerID: "w", machineToken: "t", policyID: "p", server: "http://h")
        var configuration = WorkerConfiguration(credentials: credentials, capacity: Capacity(gpus: count))
        configuration.gpus = [["/dev/a"], ["/dev/b"]]
        let gpus = MachineGPUs(configuration)
        let lent = Array(["/dev/a", "/dev/b"].prefix(Int(count)))
        #expect(try gpus.take(Int64(lent.count)).own == lent)
        expectTooMany(1, of: gpus)
    }

    @Test("a sandbox gets its devices after what would cover them, and before /dev is read-only")
    func arguments() throws {
        let folder = try StateFolder(at: Scratch.path("state")).makeJobFolder(for: HostUser(slot: 0))
        let bubblewrap = Bubblewrap(canDisableUserNamespaces: true)
        func words(_ devices: [String]) -> String {
            bubblewrap.arguments(
                for: folder, limits: SandboxLimits(), proxySocket: nil, shown: nil, devices: devices
            ).joined(separator: " ")
        }
        let text = words(["/dev/nvidia0", "/dev/dri/renderD128"])
        let steps = [
            "--dev /dev ", "--tmpfs /dev/shm ", "--tmpfs /tmp ", "--dev-bind /dev/nvidia0 /dev/nvidia0 ",
            "--dev-bind /dev/dri/renderD128 /dev/dri/renderD128 ", "--remount-ro /dev ", "--remount-ro / ",
        ]
        var rest = text[...]
        for step in steps {
            let place = try #require(rest.firstRange(of: step), "\(step) in \(text)")
            rest = rest[place.upperBound...]
        }
        #expect(!words([]).contains("--dev-bind"))
    }

    @Test("paths that mean something else in a sandbox, and what is no device, are told apart")
    func paths() throws {
        for path in ["/dev/null", "/dev/dri/renderD128", "/dev/..x"] { #expect(DeviceFile.isPath(path), "\(path)") }
        for path in ["", "dev/null", "/", "/dev/", "//dev/null", "/dev/./null", "/dev/../dev/null", "~/x"] {
            #expect(!DeviceFile.isPath(path), "\(path)")
        }
        let link = Scratch.path("link")
        #expect(symlink("/dev/null", link) == 0)
        let (null, zero) = (try DeviceFile("/dev/null").number, try DeviceFile("/dev/zero").number)
        #expect(try DeviceFile(link).number == null)
        #expect(null != zero)
        #expect(throws: DeviceFile.Problem.notFound(ENOENT)) { try DeviceFile("/nowhere/gpu") }
        for path in ["/etc/passwd", "/dev"] {
            #expect(throws: DeviceFile.Problem.notADevice, "\(path)") { try DeviceFile(path) }
        }
    }

    @Test(
        "a job is in the groups that its devices need, root's never, and no others",
        .enabled(if: FakeDevice.isPermitted, "only root may make device files"))
    func groups() async throws {
        let yard = try await Yard()
        let folder = try yard.state.makeJobFolder(for: HostUser(slot: 0))
        defer { try? folder.remove() }
        func words(_ devices: [String]) -> [String] {
            Launch(
                kind: yard.sandbox.kind, group: nil, folder: folder, limits: SandboxLimits(), proxySocket: nil,
                devices: devices
            ).commandLine
        }
        let open = try FakeDevice.make(.zero, mode: 0o666, group: 4_711)
        let grouped = try FakeDevice.make(.zero, mode: 0o660, group: 4_712)
        let other = try FakeDevice.make(.null, mode: 0o664, group: 4_711)
        #expect(words([]).contains("--clear-groups") && words([open]).contains("--clear-groups"))
        #expect(words([open, grouped]).contains("--groups=4712"))
        #expect(words([grouped, other, grouped]).contains("--groups=4711,4712"))
        let closed = try FakeDevice.make(.zero, mode: 0o660, group: 0)
        #expect(throws: DeviceFile.Problem.notOpenable) { try DeviceFile(closed) }
        #expect(words([closed]).contains("--clear-groups"))
    }
}

/// Jobs that use devices, as the daemon runs them.
@Suite(
    "A job with GPUs", .enabled(if: FakeDevice.isPermitted, "only root may make device files"),
    .timeLimit(.minutes(1)))
struct GPUJobTests {
    private func job(_ script: String, gpus: Int64, isolation: Isolation = .sandbox) -> ClaimedJob {
        var job = ClaimedJob.sample("gpu", needs: Capacity(gpus: gpus))
        job.isolation = isolation
        job.command = ["/bin/sh", "-c", script]
        job.environment = [.init("HATCHFARM_GPUS", "mine")]
        return job
    }

    private let context = JobContext(
        slot: 0, log: { _ in }, progress: { _, _ in }, fetch: { _ in [] }, upload: { _, _ in })

    @Test("opens its own by the name in its variable, and no other", arguments: [true, false])
    func opens(isProtected: Bool) async throws {
        let yard = try await Yard(isProtected: isProtected)
        let own = try FakeDevice.make(.zero, mode: 0o660, group: 4_711)
        let (next, shared) = (try FakeDevice.make(.zero), try FakeDevice.make(.urandom))
        let gpus = MachineGPUs([[own], [next]], shared: [shared])
        let executor = ComputeExecutor(
            sandbox: yard.sandbox, isolation: isProtected ? .sandbox : .none, state: yard.state, network: nil,
            cores: 1, gpus: gpus)
        let script = """
            echo "$HATCHFARM_GPUS"
            for file in \(own) \(next) \(shared); do head -c 2 $file 2>/dev/null | wc -c; done
            touch /dev/x 2>/dev/null && echo wrote; true
            """
        let isolation = executor.isolation
        let with = try await executor.run(job(script, gpus: 1, isolation: isolation), context)
        let without = try await executor.run(job(script, gpus: 0, isolation: isolation), context)
        // Without a sandbox a job sees what its user may see.
        #expect(with.output == "\(own)\n2\n\(isProtected ? 0 : 2)\n2\n")
        #expect(without.output == (isProtected ? "mine\n0\n0\n0\n" : "mine\n0\n2\n2\n"))
        #expect(try gpus.take(2).own == [own, next])
    }

    @Test("that can't have them is given back and leaves them free, and the machine says which is gone")
    func gone() async throws {
        let yard = try await Yard()
        let device = try FakeDevice.make(.null)
        let gpus = MachineGPUs([[device]])
        let executor = ComputeExecutor(
            sandbox: yard.sandbox, isolation: .sandbox, state: yard.state, network: nil, cores: 1, gpus: gpus)
        #expect(await executor.fault(of: .compute) == nil)
        let long = Task { try await executor.run(job("sleep 655.\(mark)", gpus: 1), context) }
        try await eventually("it has the GPU") { !processes(with: "655.\(mark)").isEmpty }
        await #expect(throws: MachineFault.self) { try await executor.run(job("true", gpus: 1), context) }
        long.cancel()
        await #expect(throws: CancellationError.self) { try await long.value }
        #expect(unlink(device) == 0)
        await #expect(throws: MachineFault.self) { try await executor.run(job("true", gpus: 1), context) }
        let fault = await executor.fault(of: .compute)
        #expect(fault == "GPU: \(device) does not exist")
        #expect(await executor.fault(of: .audit) == nil)
        #expect(try gpus.take(1).own == [device])
    }
}
