import Bytes
import Glibc
@testable import Sandbox
import Support
import Testing

/// A program that would use up the machine, and how it ends.
private struct Bomb: Sendable, CustomTestStringConvertible {
    let sentence: String
    let script: String
    var limits = SandboxLimits(wallMilliseconds: 8_000, memoryBytes: 128 << 20, processes: 64)
    /// Words of the reason for which it is ended; `nil`: it lives on within its limits, or fails by itself.
    var reason: String?
    var testDescription: String { sentence }

    func limited(_ change: (inout SandboxLimits) -> Void) -> Bomb {
        var bomb = self
        change(&bomb.limits)
        return bomb
    }
}

private let bombs: [Bomb] = [
    Bomb(
        sentence: "one process takes all memory", script: "perl -e 'my @a; push @a, \"x\" x 1e6 while 1'",
        reason: "memory limit"),
    Bomb(
        sentence: "many processes take a little memory each",
        script: "for i in $(seq 40); do perl -e 'my $x = \"x\" x 20e6; sleep 9' & done; wait", reason: "memory limit"),
    Bomb(
        sentence: "memory is hidden in temporary files", script: "head -c 200M /dev/zero > /tmp/x; echo got it",
        reason: "memory limit"
    ).limited { $0.temporaryBytes = 1 << 30 },
    Bomb(
        sentence: "the work folder is filled by one file", script: "dd if=/dev/zero of=big bs=1M && echo got it",
        reason: nil
    ).limited { $0.workBytes = 8 << 20 },
    Bomb(
        sentence: "the work folder is filled by many files",
        script: "i=0; while :; do i=$((i+1)); head -c 1M /dev/zero > f$i || exit 1; sleep 0.01; done",
        reason: "work folder"
    ).limited {
        $0.workBytes = 32 << 20; $0.memoryBytes = 512 << 20
    },
    Bomb(
        sentence: "the work folder is filled by a million files",
        script: "perl -e 'for my $i (1 .. 1e6) { open(my $f, \">\", \"f$i\") or exit 1 }; sleep 9'", reason: "files"
    ).limited {
        $0.workFiles = 5_000; $0.memoryBytes = 512 << 20
    },
    Bomb(
        sentence: "the work folder is filled by folders in folders",
        script: "perl -e 'for (1 .. 3000) { mkdir \"d\"; chdir \"d\" } sleep 9'", reason: "depth"),
    Bomb(
        sentence: "the work folder is filled by files without a name",
        script: "perl -e 'my @a; for (1 .. 9) { open(my $f, \"+>\", \"x\"); unlink \"x\"; print $f \"x\" x 4e6; "
            + "$f->flush; push @a, $f } sleep 9'",
        reason: "work folder"
    ).limited {
        $0.workBytes = 16 << 20; $0.memoryBytes = 512 << 20
    },
    Bomb(
        sentence: "processes fork without end", script: "bash -c 'b() { b | b & }; b; sleep 60'; true"
    ).limited { $0.wallMilliseconds = 1_500 },
    Bomb(
        sentence: "threads are made without end",
        script: "perl -e 'fork for 1 .. 30; sleep 1'; true"
    ).limited { $0.wallMilliseconds = 1_500 },
    Bomb(
        sentence: "descriptors are opened without end",
        script: "perl -e 'my @a; while (open(my $f, \"<\", \"/dev/null\")) "
            + "{ push @a, $f } print @a > 5000 ? \"got it\\n\" : \"refused\\n\"'"),
    Bomb(sentence: "a processor is used for ever", script: "while :; do :; done").limited { $0.cpuSeconds = 1 },
    Bomb(
        sentence: "every polite signal is ignored", script: "trap '' TERM INT HUP QUIT; while :; do sleep 1; done"
    ).limited { $0.wallMilliseconds = 500 },
    Bomb(sentence: "output has no end", script: "yes").limited { $0.wallMilliseconds = 800 },
    Bomb(sentence: "output is one line without end", script: "tr '\\0' x < /dev/zero").limited {
        $0.wallMilliseconds = 800
    },
    Bomb(
        sentence: "pipes are filled without end",
        script:
            "perl -e 'my @a; while (pipe(my $r, my $w)) { syswrite $w, \"x\" x 65536; push @a, $r, $w }'"
    ),
    Bomb(
        sentence: "shared memory is taken without end",
        script: "perl -e 'for (1 .. 99) { my $i = shmget(0, 8e6, 01600); "
            + "exit 1 unless defined $i; shmwrite($i, \"x\" x 8e6, 0, 8e6) } print \"got it\\n\"'"),
]

@Suite("Exhaustion", .serialized, .timeLimit(.minutes(3)), .tags(.timed))
struct Exhaustion {
    @Test("a job can't use up the machine", arguments: bombs)
    private func bomb(_ bomb: Bomb) async throws {
        let yard = try await Yard()
        let sleeping = "650.\(mark)"
        let started = World.live.monotonic()
        let said = try await yard.run(script: "(setsid sleep \(sleeping) &); \(bomb.script)", limits: bomb.limits)
        #expect(World.live.monotonic() - started < bomb.limits.wallMilliseconds + 15_000)
        #expect(!said.log.contains("got it"), "\(said.log)")
        #expect(processes(with: sleeping).isEmpty)
        guard let reason = bomb.reason else { return }
        // Without control groups memory is each process's own affair.
        if reason.contains("memory"), yard.sandbox.groups == nil { return }
        guard case .overLimit(let words) = said.end.cause else {
            Issue.record("ended as \(said.end.cause): \(said.log.suffix(300))")
            return
        }
        #expect(words.contains(reason), "\(words)")
    }

    @Test("bombs are contained within 2 s, and other work goes on as fast", arguments: ["fork", "memory"])
    func otherWork(kind: String) async throws {
        let yard = try await Yard()
        let script =
            kind == "fork"
            ? "b() { b | b & }; b; sleep 60"
            : "for i in $(seq 30); do perl -e 'my @a; push @a, \"x\" x 1e6 while 1' & done; wait; exit 9"
        // Small work on a thread of its own, timed.
        let clock = WorkClock()
        try await World.live.sleep(.milliseconds(1_000))
        let usual = clock.p99()
        let started = World.live.monotonic()
        let said = try await yard.run(
            Program(["bash", "-c", script]),
            limits: SandboxLimits(wallMilliseconds: 1_500, memoryBytes: 256 << 20, processes: 128))
        let elapsed = World.live.monotonic() - started
        let during = clock.p99()
        clock.stop()
        let end = said.end.cause
        print("measured: \(kind) bomb: \(end) after \(elapsed) ms; p99 \(usual) µs before, \(during) µs during")
        switch said.end.cause {
        case .timedOut, .overLimit: break
        // Without control groups memory is each process's own affair, and those that want too much end by themselves.
        default: #expect(kind == "memory" && yard.sandbox.groups == nil, "\(said.end.cause)")
        }
        #expect(elapsed < 15_000)
    }
}
