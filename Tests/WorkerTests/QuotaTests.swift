import Glibc
@testable import Sandbox
import Support
import Testing

/// Runs `body` with the path of a file system in a file, with project quotas on. Without root, loop devices or a kernel
/// that has quotas of ext4 there is none, and nothing happens.
private func withQuotas(_ body: (String) async throws -> Void) async throws {
    let image = Scratch.path("disk")
    let path = Scratch.path("mounted")
    guard geteuid() == 0, access("/usr/sbin/mkfs.ext4", X_OK) == 0, mkdir(path, 0o755) == 0 else { return }
    close(open(image, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
    guard truncate(image, 128 << 20) == 0 else { return }
    let options = ["-q", "-O", "quota,project", "-E", "quotatype=prjquota", image]
    try await Tool.run("/usr/sbin/mkfs.ext4", options)
    do {
        try await Tool.run("/usr/bin/mount", ["-o", "loop,prjquota", image, path])
    } catch {
        print("measured: no project quotas here: \(error)")
        return
    }
    do {
        try await body(path)
    } catch {
        _ = try? await Tool.run("/usr/bin/umount", ["-l", path])
        throw error
    }
    try await Tool.run("/usr/bin/umount", ["-l", path])
}

/// Each writes one more mebibyte, as `put` has it, or ends the loop.
private let writings: [(sentence: String, program: String)] = [
    ("many files", #"open($f, ">", "f$_") && put() or last"#),
    ("files without a name", #"open($f, ">", "x") && unlink("x") && put() or last; push @kept, $f; undef $f"#),
    (
        "files that never stay where they are",
        #"""
        open($f, ">", "a/f$_") && put() or last;
        for my $i (1 .. $_) { rename("a/f$i", "b/f$i") or rename("b/f$i", "a/f$i") }
        """#
    ),
]

@Suite("The work folder's quota", .serialized, .timeLimit(.minutes(2)))
struct QuotaTests {
    private let limits: SandboxLimits = {
        var limits = SandboxLimits(wallMilliseconds: 30_000, memoryBytes: 256 << 20)
        limits.workBytes = 8 << 20
        return limits
    }()

    @Test("the kernel stops a job at its limit, however it hides its files; the next one has all of it again")
    func stops() async throws {
        try await withQuotas { path in
            let state = try StateFolder(at: "\(path)/state")
            let yard = Yard(state: state, sandbox: try await Sandbox.open(in: state))
            for (sentence, program) in writings {
                let perl = """
                    my ($f, @kept); my $x = "x" x 1048576; mkdir "a"; mkdir "b"; my $sum = 0;
                    for (1 .. 64) { \(program); $sum++ } print "$sum MiB: $!\\n"
                    """
                let said = try await yard.run(Program(["perl", "-e", perl]), limits: limits)
                #expect(said.log == "7 MiB: Disk quota exceeded\n", "\(sentence): \(said.log)")
                #expect(said.end.cause == .exited(0))
            }
            var few = limits
            few.workFiles = 20
            let script = "for i in $(seq 60); do : > f$i || exit 3; done"
            #expect(try await yard.run(script: script, limits: few).end.cause != .exited(0))
            #expect(try await yard.run(script: script, limits: limits).end.cause == .exited(0))
            let probe = await Sandbox.probe(in: state)
            #expect(probe.layers.first { $0.name == "work folder quota" }?.works == true)
            #expect(probe.layers.first { $0.name == "work folder size" }?.works == true)
        }
    }

    @Test("inputs aren't limited while they are placed, and a run begins with what they take")
    func inputs() async throws {
        try await withQuotas { path in
            let state = try StateFolder(at: "\(path)/state")
            let sandbox = try await Sandbox.open(in: state)
            let folder = try state.makeJobFolder(for: HostUser(slot: 3))
            try folder.work.place([UInt8](repeating: 1, count: 6 << 20), at: RelativePath("deep/input"))
            let program = Program(["sh", "-c", "head -c 3M /dev/zero > more && exit 4; rm -r deep; exit 5"])
            let end = try await sandbox.run(program, in: folder, limits: limits) { _ in }
            #expect(end.cause == .exited(5), "\(end.output)")
            try folder.remove()
        }
    }

    @Test("without project quotas a layer says so, and folders are made as ever")
    func without() async throws {
        let state = try StateFolder(at: Scratch.path("state"))
        let probe = await Sandbox.probe(in: state)
        let layer = try #require(probe.layers.first { $0.name == "work folder quota" })
        #expect(!layer.isRequired && probe.sandbox != nil)
        guard !ProjectQuota.isOn(at: state.path) else { return }
        let remedy = geteuid() == 0 ? "prjquota" : "root"
        #expect(!layer.works && layer.finding?.contains(remedy) == true, "\(layer)")
        let folder = try state.makeJobFolder(for: HostUser(slot: 0))
        #expect(ProjectQuota.project(of: folder.work) == nil)
    }
}
