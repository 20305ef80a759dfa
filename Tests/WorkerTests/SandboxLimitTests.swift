import Bytes
import Glibc
@testable import Sandbox
import Support
import Testing

@Suite("The sandbox's limits", .serialized, .timeLimit(.minutes(1)), .tags(.timed))
struct SandboxLimitTests {
    /// Ignores every polite signal, leaves its session, its parent and its output.
    private func daemonising(_ seconds: String) -> String {
        "(trap '' TERM HUP INT; setsid sh -c 'trap \"\" TERM HUP INT; (sleep \(seconds) &) ; sleep \(seconds)'"
            + " </dev/null >/dev/null 2>&1 &)"
    }

    @Test("children that were left running end with the job", arguments: [true, false])
    func leftChildren(isProtected: Bool) async throws {
        let yard = try await Yard(isProtected: isProtected)
        // Without walls only what stayed in the job's session can be found again.
        let leave = isProtected ? daemonising("611.\(mark)") : "(sleep 612.\(mark) &)"
        let said = try await yard.run(script: "\(leave); sleep 0.05; echo done")
        #expect(said.end.cause == .exited(0))
        #expect(said.log == "done\n")
        if isProtected {
            #expect(processes(with: "611.\(mark)").isEmpty)
        } else {
            try await eventually("they are gone") { processes(with: "612.\(mark)").isEmpty }
        }
    }

    @Test("the wall clock kills all of it", arguments: [true, false])
    func wallClock(isProtected: Bool) async throws {
        let yard = try await Yard(isProtected: isProtected)
        let sleeping = isProtected ? "613.\(mark)" : "614.\(mark)"
        let leave = isProtected ? daemonising(sleeping) : "true"
        let said = try await yard.run(
            script: "\(leave); echo begun; trap '' TERM; sleep \(sleeping); echo never",
            limits: SandboxLimits(wallMilliseconds: 2_000))
        #expect(said.end.cause == .timedOut)
        #expect(said.end.output == "begun\n")
        #expect(said.end.durationMilliseconds < 15_000)
        let patience = isProtected ? Duration.zero : .seconds(10)
        try await eventually("all are gone", within: patience) { processes(with: sleeping).isEmpty }
    }

    @Test("a cancelled task kills all of it, also one cancelled before it began")
    func cancelling() async throws {
        let yard = try await Yard()
        let running = Task { try await yard.run(script: "\(daemonising("615.\(mark)")); sleep 615.\(mark)") }
        try await eventually("it runs") { processes(with: "615.\(mark)").count >= 3 }
        running.cancel()
        #expect(try await running.value.end.cause == .stopped)
        #expect(processes(with: "615.\(mark)").isEmpty)
        let early = Task {
            try? await World.live.sleep(.seconds(60))
            return try await yard.run(script: "sleep 616.\(mark)")
        }
        early.cancel()
        #expect(try await early.value.end.cause == .stopped)
        #expect(processes(with: "616.\(mark)").isEmpty)
    }

    @Test("twenty runs cancelled at any moment of their start leave nothing behind")
    func cancellingEarly() async throws {
        let yard = try await Yard()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<20 {
                group.addTask {
                    let running = Task { try await yard.run(script: "sleep 617.\(mark)") }
                    try? await World.live.sleep(.milliseconds(index))
                    running.cancel()
                    _ = try? await running.value
                }
            }
        }
        #expect(processes(with: "617.\(mark)").isEmpty)
    }

    @Test("a flood of output is cut, kept at its end, and doesn't stop the clock")
    func flood() async throws {
        let said = try await Yard().run(
            script: "echo first; yes 0123456789", limits: SandboxLimits(wallMilliseconds: 3_000))
        #expect(said.end.cause == .timedOut)
        #expect(said.log.hasPrefix("first\n"))
        #expect(said.log.utf8.count <= (1 << 20) + 100)
        #expect(said.end.output.utf8.count <= 64 << 10)
        #expect(said.end.isOutputTruncated)
    }

    @Test("a fork bomb gets no further than its sandbox")
    func forkBomb() async throws {
        let yard = try await Yard()
        let started = World.live.monotonic()
        let said = try await yard.run(
            Program(["bash", "-c", "bomb() { bomb | bomb & }; bomb; sleep 618.\(mark)"]),
            limits: SandboxLimits(wallMilliseconds: 1_500, processes: 64))
        #expect(said.end.cause != .exited(0))
        #expect(World.live.monotonic() - started < 15_000)
        #expect(processes(with: "618.\(mark)").isEmpty)
    }

    @Test("memory, file size, temporary space and descriptors end where they should")
    func resources() async throws {
        let yard = try await Yard()
        let limits = SandboxLimits(
            memoryBytes: 64 << 20, openFiles: 32, fileBytes: 1 << 20, temporaryBytes: 1 << 20)
        let memory = try await yard.run(
            script: "awk 'BEGIN { x = \"a\"; while (length(x) < 400000000) x = x x; print \"got it\" }'", limits: limits
        )
        #expect(memory.end.cause != .exited(0) && !memory.log.contains("got it"))
        let file = try await yard.run(script: "head -c 2000000 /dev/zero > /work/big", limits: limits)
        #expect(file.end.cause != .exited(0))
        let temporary = try await yard.run(
            script: "for i in 1 2 3; do head -c 900000 /dev/zero > /tmp/$i || exit 1; done", limits: limits)
        #expect(temporary.end.cause == .exited(1))
        #expect(try await yard.run(script: "ulimit -n; ulimit -c", limits: limits).log == "32\n0\n")
        let busy = try await yard.run(
            script: "while :; do :; done", limits: SandboxLimits(wallMilliseconds: 20_000, cpuSeconds: 1))
        #expect(busy.end.cause == .exited(137) || busy.end.cause == .exited(152))
    }

    @Test("files without a name are counted in bounded looks, each of which goes on where the last one ended")
    func unlinkedLooks() async throws {
        let folder = Scratch.path("unlinked")
        mkdir(folder, 0o755)
        let script = """
            my $p = "\(folder)/$$"; open(my $f, ">", $p); unlink $p; print $f "x" x 1048576; $f->flush;
            open(my $g, ">", "\(folder)/ready$$"); close $g; sleep 60
            """
        var children: [ChildProcess] = []
        for _ in 0..<3 { children.append(try await ChildProcess("/usr/bin/perl", ["-e", script])) }
        try await eventually("all hold one") { fileNames(in: folder).count == 3 }
        let pids = children.map(\.pid)
        var unlinked = try #require(UnlinkedFiles(on: folder))
        let looks = (0..<4).map { _ in unlinked.look(at: pids, budget: 1) >> 20 }
        #expect(looks == [1, 2, 3, 3])
        var whole = try #require(UnlinkedFiles(on: folder))
        #expect(whole.look(at: pids) >> 20 == 3)
        for child in children { try await child.kill() }
        #expect(whole.look(at: pids) == 3 << 20 || whole.look(at: pids) == 0)
        #expect(whole.look(at: []) == 0)
    }

    @Test("the walk through a folder leaves no trace in it")
    func quietWalk() throws {
        let root = Scratch.path("walked")
        for folder in [root, "\(root)/a", "\(root)/a/b"] {
            mkdir(folder, 0o755)
            close(open("\(folder)/file", O_WRONLY | O_CREAT, 0o600))
        }
        func times() -> [Int] {
            [root, "\(root)/a", "\(root)/a/b"].map { folder in
                var status = stat()
                stat(folder, &status)
                return status.st_atim.tv_sec &* 1_000_000_000 &+ status.st_atim.tv_nsec
            }
        }
        // Written after it was read last, so that the next reading would be noted.
        usleep(20_000)
        for folder in [root, "\(root)/a", "\(root)/a/b"] { close(open("\(folder)/new", O_WRONLY | O_CREAT, 0o600)) }
        let before = times()
        var usage = try FolderUsage(of: root)
        while usage.read(2) {}
        #expect(usage.files == 8 && times() == before)
    }

    @Test("a machine that can't sandbox says what is missing")
    func notStarted() async throws {
        guard geteuid() == 0 else { return }
        // No user but root may pass.
        let closed = Scratch.path("closed")
        mkdir(closed, 0o700)
        let state = try StateFolder(at: "\(closed)/state")
        let probe = await Sandbox.probe(in: state)
        #expect(probe.sandbox == nil)
        #expect(probe.missing.first?.contains("--state") == true, "\(probe.missing)")
    }
}
