import Bytes
import Glibc
@testable import Sandbox
import Support
import Synchronization
import Testing

@Suite("The sandbox's layers", .serialized, .timeLimit(.minutes(1)))
struct SandboxLayerTests {
    @Test("each wall is tried, and found on this machine")
    func probe() async throws {
        let state = try StateFolder(at: Scratch.path("state"))
        let probe = await Sandbox.probe(in: state)
        print("measured: the probe took \(probe.milliseconds) ms")
        #expect(probe.missing == [])
        #expect(probe.sandbox != nil)
        let names = probe.layers.map(\.name)
        #expect(Set(names).count == names.count)
        for layer in probe.layers where layer.isRequired { #expect(layer.works, "\(layer)") }
        #expect(names.contains("system call filter") && names.contains("separate user"))
        let user = try #require(probe.layers.first { $0.name == "separate user" })
        #expect(user.works == (geteuid() == 0))
    }

    @Test("a busy machine's sandbox is as good: a clock that runs on while the daemon waits its turn decides nothing")
    func busy() async throws {
        let late = Mutex<Int64>(0)
        var world = World.live
        world.monotonic = {
            let late = late.withLock { late in
                late += 400
                return late
            }
            return World.live.monotonic() + late
        }
        let probe = await Sandbox.probe(in: try StateFolder(at: Scratch.path("state")), world: world)
        #expect(probe.missing == [] && probe.sandbox != nil && !probe.isUndecided)
    }

    @Test("what a trial couldn't decide in time is no finding against the sandbox")
    func undecided() {
        func probe(_ layers: [SandboxLayer]) -> SandboxProbe {
            SandboxProbe(sandbox: .unprotected(), layers: layers, milliseconds: 1)
        }
        let works = SandboxLayer.works("a", "it does")
        #expect(!probe([works]).isUndecided && probe([works]).sandbox != nil)
        let late = probe([works, .undecided("b")])
        #expect(late.isUndecided && late.sandbox == nil && late.missing.first?.contains("too busy") == true)
        #expect(!probe([.undecided("b"), .missing("c", "no", "none")]).isUndecided)
        #expect(probe([works, .undecided("b", isRequired: false)]).sandbox != nil)
    }

    @Test("a share of the machine is held by a group around all jobs")
    func share() async throws {
        guard let tree = ControlGroupTree.find(), tree.controllers.contains(.memory) else { return }
        let state = try StateFolder(at: Scratch.path("state"))
        let probe = await Sandbox.probe(in: state, share: HostShare(cpuPercent: 50, memoryPercent: 1))
        let sandbox = try #require(probe.sandbox)
        let yard = Yard(state: state, sandbox: sandbox)
        let pages = Int64(sysconf(CInt(_SC_PHYS_PAGES))) * Int64(sysconf(CInt(_SC_PAGESIZE)))
        // A hundredth of the machine, although the job may have all of it.
        let size = (pages / 50) >> 20
        let said = try await yard.run(
            script: "dd if=/dev/zero of=/dev/null bs=\(size)M count=1",
            limits: SandboxLimits(wallMilliseconds: 20_000, memoryBytes: pages))
        #expect(said.end.cause != .exited(0))
        let layer = try #require(probe.layers.first { $0.name == "memory limit" })
        #expect("\(layer.state)".contains("1 %"))
    }

    @Test("nothing is left of the control groups when jobs and the sandbox have ended")
    func groupsEnd() async throws {
        guard let tree = ControlGroupTree.find() else { return }
        let instance: String
        do {
            let yard = try await Yard()
            instance = yard.state.instance
            #expect(ControlGroups.leftovers(of: instance, in: tree).count == 1)
            let running = Task { try await yard.run(script: "sleep 640.\(mark)") }
            try await eventually("it runs") { !processes(with: "640.\(mark)").isEmpty }
            #expect(ControlGroups.leftovers(of: instance, in: tree).count == 2)
            running.cancel()
            _ = try await running.value
            #expect(ControlGroups.leftovers(of: instance, in: tree).count == 1)
        }
        #expect(ControlGroups.leftovers(of: instance, in: tree).isEmpty)
    }

    @Test("version 2 is found by its mount, and its files are written", arguments: [true, false])
    func versionTwo(isDelegated: Bool) throws {
        let root = Scratch.path("cgroup")
        let own = isDelegated ? "\(root)/system.slice/hatchfarm.service/hatchfarm-daemon" : root
        let folder = isDelegated ? "\(root)/system.slice/hatchfarm.service" : root
        for path in [root, "\(root)/system.slice", "\(root)/system.slice/hatchfarm.service", own] { mkdir(path, 0o755) }
        for name in ["cgroup.procs", "cgroup.subtree_control"] {
            let file = try Descriptor("\(folder)/\(name)", O_WRONLY | O_CREAT)
            try file.write(Array("cpu memory pids\n".utf8))
        }
        let proc = Scratch.path("proc")
        mkdir(proc, 0o755)
        let line = "30 23 0:26 / \(root) rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
        try Descriptor("\(proc)/mountinfo", O_WRONLY | O_CREAT).write(Array(line.utf8))
        let path = isDelegated ? "/system.slice/hatchfarm.service/hatchfarm-daemon" : "/"
        try Descriptor("\(proc)/cgroup", O_WRONLY | O_CREAT).write(Array("0::\(path)\n".utf8))
        let tree = try #require(ControlGroupTree.find(proc: proc))
        // A plain file holds what was written last over what was there: only its words count.
        guard case .unified(let found, let controllers) = tree else {
            Issue.record("not version 2: \(tree)")
            return
        }
        #expect(found == folder && controllers.contains(.pids))
        let group = ControlGroup(tree: tree, name: "job")
        try group.make()
        let events = try Descriptor("\(folder)/job/memory.events", O_WRONLY | O_CREAT)
        #expect(!group.hasRunOutOfMemory)
        try events.write(Array("max 3\noom 1\noom_kill 1\n".utf8))
        if controllers.contains(.memory) { #expect(group.hasRunOutOfMemory) }
    }
}
