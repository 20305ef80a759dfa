import Glibc
@testable import Sandbox
import Support
import Testing

/// What a job leaves in its folder for the daemon to stumble over.
private struct Trap: Sendable, CustomTestStringConvertible {
    let sentence: String
    let script: String
    var output = "out"
    /// What may be collected of it; `nil`: it is refused.
    var gives: String?
    var testDescription: String { sentence }
}

private let traps: [Trap] = [
    Trap(sentence: "a link to a file of the machine", script: "ln -s /etc/passwd out"),
    Trap(sentence: "a link to a folder of the machine in the path", script: "ln -s /etc d", output: "d/passwd"),
    Trap(sentence: "a link around its own folder", script: "ln -s . d; echo x > x", output: "d/d/x"),
    Trap(sentence: "a path upwards", script: "true", output: "../control/start"),
    Trap(sentence: "an absolute path", script: "true", output: "/etc/passwd"),
    Trap(sentence: "a pipe that nobody writes to", script: "mkfifo out"),
    Trap(
        sentence: "a socket",
        script: "perl -e 'use IO::Socket::UNIX; IO::Socket::UNIX->new(Local => \"out\", Listen => 1)'"),
    Trap(sentence: "a folder", script: "mkdir out"),
    Trap(sentence: "a file larger than may be kept", script: "head -c 3000000 /dev/zero > out"),
    Trap(sentence: "a sparse file of a terabyte", script: "truncate -s 1T out 2>/dev/null || truncate -s 3G out"),
    Trap(
        sentence: "a name as long as a name can be",
        script: "echo x > \(String(repeating: "n", count: 255))", output: String(repeating: "n", count: 255),
        gives: "x\n"),
    Trap(
        sentence: "a file without permissions", script: "echo x > out; chmod 0 out", gives: geteuid() == 0 ? "x\n" : nil
    ),
    Trap(sentence: "a file by two names", script: "echo x > a; ln a out", gives: "x\n"),
]

@Suite("Escapes by outputs", .timeLimit(.minutes(2)))
struct OutputEscapes {
    @Test("the daemon doesn't fall for it", arguments: traps)
    private func trap(_ trap: Trap) async throws {
        let yard = try await Yard()
        let folder = try yard.state.makeJobFolder(for: HostUser(slot: 0))
        let limits = SandboxLimits(wallMilliseconds: 10_000)
        _ = try await yard.sandbox.run(Program(["sh", "-c", trap.script]), in: folder, limits: limits) { _ in }
        let content = try? folder.work.collect(RelativePath(trap.output), limit: 1 << 20)
        #expect(content.map { String(decoding: $0, as: UTF8.self) } == trap.gives)
        try folder.remove()
        #expect(access(folder.path, F_OK) != 0)
    }

    @Test("an archive unpacked inside stays inside")
    func archive() async throws {
        let yard = try await Yard()
        let said = try await yard.run(
            script: """
                mkdir a && cd a && echo evil > f
                tar -P -cf ../t.tar --transform 's,^,../../../../../../usr/,' f; cd ..
                tar -P -xf t.tar 2>/dev/null && [ -e /usr/f ] && echo escaped; echo tried
                """)
        #expect(said.log == "tried\n", "\(said.log)")
    }
}
