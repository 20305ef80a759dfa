import Glibc
@testable import Sandbox
import Support
import Testing

@Suite("Folders of jobs")
struct FolderTests {
    @Test(
        "paths that could lead outside are none",
        arguments: [
            "", "/", "/etc/passwd", ".", "..", "../x", "a/../b", "a/..", "./a", "a//b", "a/", "a/.", "a\u{0}b",
            String(repeating: "a", count: 256), String(repeating: "a/", count: 40) + "a",
            String(repeating: "abcdefg/", count: 200) + "a", "../\u{301}x", "a/..\u{0}",
        ])
    func outside(text: String) {
        #expect(throws: FileProblem.invalidPath) { try RelativePath(text) }
    }

    @Test("a slash with a combining mark is still a slash")
    func combiningMark() throws {
        #expect(try RelativePath("a/\u{301}b").folders == ["a"])
    }

    @Test("plain paths are", arguments: ["a", "a/b", "...", ".hidden", "ü/ß 🐝", "-rf", "a b/c=d"])
    func plain(text: String) throws {
        #expect(try RelativePath(text).text == text)
    }

    @Test("what is placed can be collected, once, up to its limit")
    func placing() throws {
        let job = try StateFolder(at: Scratch.path("state")).makeJobFolder(for: HostUser(slot: 1))
        let path = try RelativePath("deep/er/file")
        try job.work.place([1, 2, 3], at: path)
        #expect(try job.work.collect(path, limit: 3) == [1, 2, 3])
        #expect(throws: FileProblem.tooLarge(2)) { try job.work.collect(path, limit: 2) }
        #expect(throws: FileProblem.self) { try job.work.place([4], at: path) }
        #expect(throws: FileProblem.self) { try job.work.place([4], at: RelativePath("deep/er")) }
        #expect(throws: FileProblem.notARegularFile) { try job.work.place([4], at: RelativePath("deep/er/file/x")) }
        #expect(throws: FileProblem.missing) { try job.work.collect(RelativePath("other"), limit: 9) }
        #expect(throws: FileProblem.notARegularFile) { try job.work.collect(RelativePath("deep"), limit: 1 << 20) }
    }

    @Test("links, pipes, devices and others' files are not outputs, and don't make anybody wait")
    func notOutputs() throws {
        let state = try StateFolder(at: Scratch.path("state"))
        let job = try state.makeJobFolder(for: HostUser(slot: 0))
        let work = job.work.path
        #expect(symlink("/etc/hostname", "\(work)/link") == 0)
        #expect(symlink("/etc", "\(work)/etc") == 0)
        #expect(mkfifo("\(work)/pipe", 0o666) == 0)
        for name in ["link", "etc/hostname", "pipe"] {
            #expect(throws: FileProblem.notARegularFile) { try job.work.collect(RelativePath(name), limit: 1 << 20) }
        }
        #expect(throws: FileProblem.notARegularFile) { try job.work.place([1], at: RelativePath("etc/x")) }
        #expect(throws: FileProblem.self) { try job.work.place([1], at: RelativePath("link")) }
        guard geteuid() == 0 else { return }
        // A root's file that a job could get hold of by a hard link.
        #expect(link("/proc/self/comm", "\(work)/hard") != 0)
        let file = open("\(work)/roots", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        close(file)
        #expect(throws: FileProblem.notARegularFile) { try job.work.collect(RelativePath("roots"), limit: 1) }
    }

    @Test("removal opens up closed folders, goes to any depth, and leaves alone what links point to")
    func removal() throws {
        let root = Scratch.path("tree")
        let outside = Scratch.path("outside")
        mkdir(root, 0o755)
        mkdir(outside, 0o755)
        close(open("\(outside)/kept", O_CREAT | O_WRONLY, 0o600))
        symlink(outside, "\(root)/link")
        mkfifo("\(root)/pipe", 0o600)
        var folder = open(root, O_RDONLY | O_DIRECTORY)
        for _ in 0..<400 {
            mkdirat(folder, "directory-with-a-long-name", 0o700)
            symlinkat("/", folder, "root")
            let next = openat(folder, "directory-with-a-long-name", O_RDONLY | O_DIRECTORY)
            close(folder)
            folder = next
        }
        fchmod(folder, 0o000)
        close(folder)
        mkdir("\(root)/closed", 0o700)
        close(open("\(root)/closed/file", O_CREAT | O_WRONLY, 0o000))
        let strange: [CChar] = Array("\(root)/".utf8).map { CChar(bitPattern: $0) } + [-1, -2, 0]
        mkdir(strange, 0o700)
        chmod("\(root)/closed", 0o000)
        try removeFolder(at: root)
        #expect(access(root, F_OK) != 0)
        #expect(access("\(outside)/kept", F_OK) == 0)
        try removeFolder(at: root)
    }

    @Test("a dead daemon's folders are removed, a living one's are not")
    func leftovers() throws {
        let path = Scratch.path("state")
        let alive = try StateFolder(at: path)
        let job = try alive.makeJobFolder(for: HostUser(slot: 0))
        let dead = "\(path)/jobs/dead"
        mkdir(dead, 0o711)
        mkdir("\(dead)/job", 0o700)
        close(open("\(dead)/alive", O_CREAT | O_WRONLY, 0o600))
        mkdir("\(path)/jobs/neverLocked", 0o711)
        let second = try StateFolder(at: path)
        #expect(access(dead, F_OK) != 0)
        #expect(access("\(path)/jobs/neverLocked", F_OK) != 0)
        #expect(access(job.work.path, F_OK) == 0)
        withExtendedLifetime((alive, second)) {}
    }

    @Test("a daemon that ends takes its folders with it")
    func ending() throws {
        let path = Scratch.path("state")
        let work: String
        do {
            let state = try StateFolder(at: path)
            work = try state.makeJobFolder(for: HostUser(slot: 0)).work.path
            #expect(access(work, F_OK) == 0)
        }
        #expect(access(work, F_OK) != 0)
    }
}
