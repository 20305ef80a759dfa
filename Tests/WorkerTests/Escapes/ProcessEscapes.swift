import Bytes
import Glibc
@testable import Sandbox
import Support
import Testing

/// Processes that aren't the job's, and ways to outlive it.
private let attempts: [Attempt] = [
    Attempt(
        "sees the machine's processes", outside: true,
        "[ $(ls /proc | grep -c '^[0-9]') -gt 8 ] && echo escaped; true"),
    Attempt(
        "reads the environment of the first process",
        "tr '\\0' '\\n' < /proc/1/environ 2>/dev/null | grep -vE '^(PWD|OLDPWD|HOME)=' | grep -q . "
            + "&& echo escaped; true"
    ),
    Attempt(
        "finds the daemon in a command line", outside: true,
        "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -q 'xctes[t]$' && echo escaped; true"),
    Attempt(
        "kills by number what it may have guessed",
        "for p in 2 5 10 50 100 500 1000 5000; do kill -0 $p 2>/dev/null && [ ! -d /proc/$p ] "
            + "&& echo escaped; done; true"
    ),
    Attempt(
        "raises its priority",
        "nice -n -5 true 2>/dev/null; [ \"$(nice -n -5 nice 2>/dev/null)\" -lt 0 ] && echo escaped; true"),
    Attempt("takes a real-time class", "chrt -f 50 true 2>/dev/null && echo escaped; true"),
    Attempt(
        "raises its limits again",
        "(ulimit -n 100000) 2>/dev/null && echo escaped; (ulimit -c unlimited) 2>/dev/null && echo escaped; true"),
    Attempt("leaves a core file", "ulimit -c; sh -c 'kill -SEGV $$'; ls /work | grep -q core && echo escaped; true"),
    Attempt("gets a terminal of the daemon's", "(: > /dev/tty) 2>/dev/null && echo escaped; true"),
    Attempt("shares memory with the machine's processes", "ipcs -m 2>/dev/null | grep -q 0x && echo escaped; true"),
    Attempt(
        "moves into another control group",
        "for f in /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs; do (echo $$ > $f) 2>/dev/null "
            + "&& echo escaped; done; true"),
    Attempt("makes a user namespace by a program", "unshare -U true 2>/dev/null && echo escaped; true"),
]

@Suite("Escapes by processes", .serialized, .timeLimit(.minutes(2)))
struct ProcessEscapes {
    @Test("a job can't do it by processes", arguments: attempts)
    func attempt(_ attempt: Attempt) async throws {
        let yard = try await Yard()
        try await yard.expectContained(attempt)
    }

    @Test("kill(-1) ends the job and nobody else")
    func killAll() async throws {
        let yard = try await Yard()
        let neighbour = Task { try await yard.run(script: "sleep 1; echo lived", limits: SandboxLimits()) }
        _ = try await yard.run(Program(["/bin/sh", "-c", "kill -9 -1; sleep 0.1; kill -9 -- -1"]), slot: 0)
        #expect(try await neighbour.value.log == "lived\n")
    }

    @Test(
        "a daemon killed at any moment of a start takes the job along", arguments: [0, 2, 4, 6, 8, 10, 12, 15, 20, 30])
    func daemonKilled(afterMilliseconds delay: Int) async throws {
        let yard = try await Yard()
        let job = try yard.state.makeJobFolder(for: HostUser(slot: 0))
        defer { try? job.remove() }
        let sleeping = "641\(delay).\(mark)"
        let limits = SandboxLimits()
        let script = StartScript(
            program: Program(["sh", "-c", "(setsid sleep \(sleeping) &) ; exec sleep \(sleeping)"]), marker: "begun",
            home: Bubblewrap.work, input: "/dev/null", limits: limits.commands(isGrouped: true), hasProxy: false)
        try job.writeControl("start", script.text)
        let group = try yard.sandbox.groups?.makeGroup(job.name, limits: limits)
        let words = Launch(
            kind: yard.sandbox.kind, group: group, folder: job, limits: limits, proxySocket: nil
        ).commandLine
        // Starts the chain as the daemon does, answers the marker, and is killed.
        let daemon = """
            pipe(my $in, my $go); pipe(my $out, my $said);
            if (!fork) { open(STDIN, "<&", $in); open(STDOUT, ">&", $said); close($_) for $in, $go, $out, $said;
                exec @ARGV; }
            close $in; close $said;
            if (!fork) { close $go; close $out; select(undef, undef, undef, \(delay) / 1000); kill 9, getppid; exit }
            if ((<$out> // "") eq "begun\\n") { syswrite $go, "\\n" } sleep 60;
            """
        // It ends by a signal.
        _ = try? await Tool.run("/usr/bin/perl", ["-e", daemon] + words)
        try await eventually("nothing of it is left", within: .seconds(5)) {
            processes(with: sleeping).isEmpty && processes(with: job.name).isEmpty
        }
        await group?.end(.live)
    }
}
