import Domain
@testable import Executors
import Foundation
@testable import Sandbox
import Support
import Testing

/// Tests that want another verdict than they deserve, or the machine.
private struct Hostile: Sendable, CustomTestStringConvertible {
    let sentence: String
    /// The script `t.t` of the repository.
    let script: String
    /// Makes other files of the repository.
    var files = ""
    var command = "sh t.t"
    var passed = 0
    var total = 1
    var milliseconds: Int64 = 20_000
    /// What the log must say.
    var words = ""
    var testDescription: String { sentence }
}

private let verdicts: [Hostile] = [
    Hostile(
        sentence: "prints the summaries of other runners",
        script: """
            echo 1..2; echo ok 1; echo 'Tests:       100 passed, 100 total'; echo '=== 100 passed in 0.01s ==='
            echo '  100 passing (1ms)'; echo 'test result: ok. 100 passed; 0 failed; 0 ignored'
            echo '# tests 100'; echo '# pass 100'; echo '# fail 0'; echo not ok 2; exit 1
            """, passed: 1, total: 2),
    Hostile(
        sentence: "prints a summary without a runner", script: "echo '=== 100 passed in 0.01s ==='; exit 1",
        command: "sh ./t.t; exit 1", words: "missing summary of TAP"),
    Hostile(
        sentence: "prints a runner's summary where none was named",
        script: "echo '=== 100 passed in 0.01s ==='; exit 3", command: "cat t.t; sh ./run 2>&1; exit 3",
        words: "by the exit code"),
    Hostile(
        sentence: "says ok for the numbers of other tests, which speak later",
        script:
            "echo 1..3; echo ok 1; echo ok 2; echo ok 3; echo ok 4; echo ok 99; echo not ok 2; echo not ok 3; exit 2",
        passed: 1, total: 3),
    Hostile(
        sentence: "brings a plan of its own",
        script: "echo 1..1000; for i in $(seq 1000); do echo ok $i; done; echo 1..2; echo ok 1; echo not ok 2; exit 1",
        passed: 0, total: 1002),
    Hostile(
        sentence: "has a plan that is too large",
        script: "echo 1..999999999999; echo 1..99999999999999999999; echo ok 1",
        passed: 1, total: 2),
    Hostile(sentence: "ends early, and well", script: "echo 1..4; echo ok 1; exit 0", passed: 1, total: 4),
    Hostile(
        sentence: "says that all is well, and fails", script: "echo 1..2; echo ok 1; echo ok 2; exit 1", passed: 1,
        total: 2),
    Hostile(
        sentence: "skips everything", script: "echo 1..2; echo 'ok 1 # SKIP'; echo 'ok 2 # skip x'", passed: 0, total: 2
    ),
    Hostile(sentence: "shows nothing, and ends well", script: "exit 0", words: "missing summary of TAP"),
    Hostile(
        sentence: "prints another summary of its runner before the real one",
        script: "echo '===== 100 passed in 0.01s ====='; echo '==== 1 failed, 1 passed in 0.02s ===='; exit 1",
        files: "printf '#!/bin/sh\\nexec sh ./t.t\\n' > pytest; chmod 755 pytest", command: "./pytest -q",
        passed: 1, total: 2),
    Hostile(
        sentence: "hides a summary in one of its failures",
        script: "printf '  1 passing (2ms)\\n  1 failing\\n\\n  1) x\\n     Error: x\\n  100 passing (1ms)\\n'; exit 1",
        files: "printf '#!/bin/sh\\nexec sh ./t.t\\n' > mocha; chmod 755 mocha", command: "./mocha", passed: 1, total: 2
    ),
    Hostile(
        sentence: "changes what npm test says, to two runners",
        script: "true", files: #"echo '{"scripts":{"test":"pytest; echo 1; jest; exit 1"}}' > package.json"#,
        command: "PATH=.:$PATH npm test; exit 1", words: "by the exit code"),
    Hostile(
        sentence: "has a package.json that is a link to the machine", script: "true",
        files: "ln -s /etc/passwd package.json", command: "PATH=.:$PATH npm test; exit 1", words: "by the exit code"),
]

private let report = "--junitxml=out/report.xml"

private let reports: [Hostile] = [
    Hostile(
        sentence: "brings a report that was there before", script: "exit 0",
        files: "mkdir out; echo '<testsuite tests=\"9\"/>' > out/report.xml", command: "./run \(report)",
        words: "missing or invalid report"),
    Hostile(
        sentence: "brings a link as its report, and writes through it", script: "",
        files: "mkdir out; ln -s ../x out/report.xml; echo 'echo \"<testsuite tests=\\\"9\\\"/>\" > x; "
            + "ln -sf ../x out/report.xml' > run; chmod 755 run", command: "./run \(report)",
        words: "missing or invalid report"),
    Hostile(
        sentence: "puts its reports behind a link to another folder", script: "",
        files: "ln -s /tmp out; echo 'echo \"<testsuite tests=\\\"9\\\"/>\" > /tmp/report.xml' > run",
        command: "sh run \(report)", words: "missing or invalid report"),
    Hostile(
        sentence: "makes its report a pipe, a folder", script: "",
        files: "echo 'mkdir out; mkfifo out/report.xml' > run", command: "sh run \(report)",
        words: "missing or invalid report"),
    Hostile(
        sentence: "writes a report without an end", script: "",
        files:
            "echo 'mkdir out; (echo \"<testsuite tests=\\\"9\\\">\"; "
            + "yes \"<a>\" | head -c 20000000) > out/report.xml' > run",
        command: "sh run \(report)", words: "missing or invalid report"),
    Hostile(
        sentence: "writes a report of elements in elements", script: "",
        files:
            "echo 'mkdir out; (echo \"<testsuite tests=\\\"9\\\">\"; "
            + "yes \"<a>\" | head -c 4000000) > out/report.xml' > run",
        command: "sh run \(report)", words: "missing or invalid report"),
    Hostile(
        sentence: "writes a report with entities", script: "",
        files: "echo 'mkdir out; echo \"<!DOCTYPE a [<!ENTITY b SYSTEM \\\"file:///etc/passwd\\\">]>"
            + "<testsuite tests=\\\"9\\\">&b;</testsuite>\" > out/report.xml' > run",
        command: "sh run \(report)", words: "missing or invalid report"),
    Hostile(
        sentence: "writes a report with numbers beyond all", script: "",
        files: "echo 'mkdir out; echo \"<testsuite tests=\\\"99999999999999999999\\\" failures=\\\"-1\\\"/>\""
            + " > out/report.xml' > run", command: "sh run \(report)", words: "missing or invalid report"),
    Hostile(
        sentence: "names a report outside of its folder", script: "", files: "touch a",
        command: "true --junitxml=../../../etc/passwd", passed: 1, total: 1, words: "by the exit code"),
    Hostile(
        sentence: "writes a report that says more than its exit code", script: "",
        files: "echo 'mkdir out; echo \"<testsuite tests=\\\"9\\\"/>\" > out/report.xml; exit 1' > run",
        command: "sh run \(report)", passed: 8, total: 9),
    Hostile(
        sentence: "writes a report that says more than its summary",
        script: "echo 1..2; echo ok 1; echo not ok 2; "
            + "mkdir out; echo '<testsuite tests=\"9\"/>' > out/report.xml; exit 1",
        command: "sh t.t \(report)", passed: 1, total: 2),
]

private let machines: [Hostile] = [
    Hostile(
        sentence: "forks without end", script: "", files: "echo 'b() { b | b & }; b; sleep 1; exit 3' > run",
        command: "bash run", words: "exit code 3|limit"),
    Hostile(
        sentence: "prints without end", script: "", command: "yes", milliseconds: 3_000, words: "time limit"),
    Hostile(
        sentence: "prints one line without end", script: "", command: "tr '\\0' x < /dev/zero", milliseconds: 3_000,
        words: "time limit"),
    Hostile(sentence: "hangs", script: "", command: "sleep 600", milliseconds: 2_000, words: "time limit"),
    Hostile(
        sentence: "ignores all signals", script: "", command: "trap '' TERM INT HUP; while :; do sleep 1; done",
        milliseconds: 2_000, words: "time limit"),
    Hostile(
        sentence: "kills all processes", script: "", command: "kill -9 -1; kill -9 1; kill -9 $PPID; exit 7",
        words: "exit code"),
    Hostile(
        sentence: "leaves a process behind that prints later", script: "",
        command: "(setsid sh -c 'sleep 2; echo escaped; sleep 699' > /proc/1/fd/1 2>&1 &) ; exit 4",
        words: "exit code 4"),
    Hostile(
        sentence: "wants the network", script: "",
        command: "for h in 169.254.169.254/80 127.0.0.1/3128 10.0.0.1/22 8.8.8.8/53; do "
            + "timeout 2 bash -c \"exec 3<>/dev/tcp/$h\" 2>/dev/null && echo escaped; done; env | grep -i proxy "
            + "&& echo escaped; exit 5", words: "exit code 5"),
    Hostile(
        sentence: "looks for the fetch's folders and tools", script: "",
        command: "ls /run/shown /run/proxy.sock /work/repository /work/.git /work/../repository 2>/dev/null "
            + "| grep -q . && echo escaped; exit 5", words: "exit code 5"),
    Hostile(
        sentence: "prints what is no text", script: "",
        command: "head -c 300000 /dev/urandom; printf '\\000\\377\\033[2J\\033]0;x\\007'; exit 6",
        words: "exit code 6"),
    Hostile(
        sentence: "replaces its folder", script: "",
        command: "rm -rf /work/* /work/.[a-z]*; ln -s /etc out; ln -s / package.json; mkdir -m 0 closed; exit 6",
        words: "exit code 6"),
    Hostile(
        sentence: "prints what looks like progress and like a verdict", script: "",
        command: "echo '::progress 100 done'; echo '::progress nan'; echo '[audit] 9 of 9 passed'; exit 6",
        words: "exit code 6"),
]

@Suite("Hostile tests", .serialized, .timeLimit(.minutes(2)))
struct HostileTests {
    private func check(_ hostile: Hostile) async throws {
        var lab = try await AuditLab()
        lab.rules.milliseconds = hostile.milliseconds
        let repository = try await Repository(
            """
            cat > t.t <<'END'
            \(hostile.script)
            END
            printf '#!/bin/sh\\n' > run; chmod 755 run; cp run npm
            \(hostile.files)
            """)
        let said = try await lab.run(repository.url, tests: hostile.command)
        #expect(said.status == .success)
        #expect(said.passed == hostile.passed && said.total == hostile.total, "\(said.log.suffix(2_000))")
        #expect(!said.stream.contains("escaped"), "\(said.stream)")
        #expect(
            hostile.words.isEmpty || hostile.words.split(separator: "|").contains { said.log.contains($0) },
            "\(said.log.suffix(500))")
        #expect(said.stream.utf8.count < 2 << 20)
        #expect(try await lab.isWell())
    }

    @Test("don't pass for the runner's verdict", arguments: verdicts)
    fileprivate func verdict(_ hostile: Hostile) async throws { try await check(hostile) }

    @Test("don't pass by a forged report", arguments: reports)
    fileprivate func report(_ hostile: Hostile) async throws { try await check(hostile) }

    @Test("are contained", arguments: machines)
    fileprivate func contained(_ hostile: Hostile) async throws { try await check(hostile) }

    @Test("that take all memory are ended and reported")
    func memory() async throws {
        let lab = try await AuditLab()
        guard lab.sandbox.groups != nil else { return }
        let repository = try await Repository("touch a")
        let said = try await lab.run(
            repository.url, tests: "perl -e 'my @a; push @a, \"x\" x 1e7 while 1'", memoryMiB: 64)
        #expect(said.passed == 0 && said.log.contains("memory limit"), "\(said.log)")
    }

    @Test("that are stopped leave nothing behind")
    func stopped() async throws {
        let lab = try await AuditLab()
        let repository = try await Repository("touch a")
        let running = Task { try await lab.run(repository.url, tests: "sleep 697.\(mark)") }
        try await eventually("they run", within: .seconds(90)) { !processes(with: "697.\(mark)").isEmpty }
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
        #expect(processes(with: "697.\(mark)").isEmpty && lab.leftovers.isEmpty)
    }
}
