import Glibc
@testable import Sandbox
import Support
import Testing

/// What a job may reach without a Landlock domain, as its start shell has its user. From version 6 on also by signals.
private let attempts: [(attempt: Attempt, version: Int)] = [
    (Attempt("reads the first process's environment", "(: < /proc/1/environ) 2>/dev/null && echo escaped; true"), 2),
    (Attempt("reads the first process's memory", "(: < /proc/1/mem) 2>/dev/null && echo escaped; true"), 2),
    (Attempt("writes the first process's memory", "(: >> /proc/1/mem) 2>/dev/null && echo escaped; true"), 2),
    (
        Attempt(
            "takes the first process's descriptors", "ls /proc/1/fd/*/ 2>/dev/null | grep -q . && echo escaped; true"),
        2
    ),
    (Attempt("writes to its files in /proc", "(echo x > /proc/self/comm) 2>/dev/null && echo escaped; true"), 2),
    (Attempt("changes how it is killed", "(echo 9 > /proc/self/oom_score_adj) 2>/dev/null && echo escaped; true"), 2),
    (Attempt("signals the first process", "kill -0 1 2>/dev/null && echo escaped; true"), 6),
]

@Suite("Escapes from the Landlock domain", .timeLimit(.minutes(2)))
struct DomainEscapes {
    private func landlocked() async throws -> Yard? {
        let yard = try await Yard()
        guard case .bubblewrap(let bubblewrap) = yard.sandbox.kind, bubblewrap.landlock == .used else { return nil }
        return yard
    }

    @Test("a job's domain ends at its own processes, and all that it starts is in it")
    func contained() async throws {
        guard let yard = try await landlocked() else { return }
        let version = Int(try await Tool.run("/usr/bin/perl", ["-e", "print syscall(444, 0, 0, 1)"])) ?? 0
        for (attempt, needed) in attempts where version >= needed {
            try await yard.expectContained(attempt)
            try await yard.expectContained(
                Attempt("\(attempt.sentence), as a grandchild", "setsid -w sh -c '\(attempt.script)'; true"))
        }
    }

    @Test("what jobs do is done in it as ever")
    func lives() async throws {
        guard let yard = try await landlocked() else { return }
        let said = try await yard.run(
            script: """
                for folder in /work /tmp /dev/shm; do
                    cd $folder && mkdir a b && echo x > a/f && mv a/f b/g && ln b/g h && ln -s h i && : > i \\
                        && mkfifo p && rm -r a p || echo "not in $folder"
                done
                echo x > /dev/null || echo no device
                sleep 60 & kill $! && { wait $!; echo $?; } 2>/dev/null
                perl -e 'use Socket; my $a = pack("Sa*", AF_UNIX, "\\0mine"); socket(my $s, AF_UNIX, SOCK_STREAM, 0);
                    bind($s, $a) && listen($s, 1); socket(my $c, AF_UNIX, SOCK_STREAM, 0);
                    connect($c, $a) or print "no socket\\n"'
                exit 7
                """)
        #expect(said.log == "143\n", "\(said.log)")
        #expect(said.end.cause == .exited(7))
    }

    @Test("why there is none is said with a remedy; what a busy machine did is no reason")
    func missing() {
        func landlock(_ output: String) -> Landlock {
            Landlock(
                failed: Sandbox.End(
                    cause: .exited(125), output: output, isOutputTruncated: false, durationMilliseconds: 1))
        }
        guard case .missing(let reason, let remedy) = landlock("Landlock: unavailable: version 1\nmore") else {
            Issue.record("not missing")
            return
        }
        #expect(reason.hasSuffix("(version 1)") && remedy.contains("5.19"))
        #expect(landlock("Landlock: ruleset: Cannot allocate memory\n") == .untried)
        #expect(landlock("sh: 0: Cannot fork\n") == .untried)
    }
}
