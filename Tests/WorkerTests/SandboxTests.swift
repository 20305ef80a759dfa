import Bytes
import Glibc
@testable import Sandbox
@testable import Support
import Synchronization
import Testing

/// A sandbox of its own, and what a script said in it.
struct Yard {
    let state: StateFolder
    let sandbox: Sandbox

    init(isProtected: Bool = true) async throws {
        state = try StateFolder(at: Scratch.path("state"))
        sandbox = isProtected ? try await Sandbox.open(in: state) : .unprotected()
    }

    init(state: StateFolder, sandbox: Sandbox) {
        self.state = state
        self.sandbox = sandbox
    }

    struct Said {
        let end: Sandbox.End
        let log: String
    }

    func run(
        _ program: Program, limits: SandboxLimits = SandboxLimits(), slot: Int = 0, proxySocket: String? = nil
    ) async throws -> Said {
        let folder = try state.makeJobFolder(for: HostUser(slot: slot))
        defer { try? folder.remove() }
        let log = Mutex("")
        let end = try await sandbox.run(program, in: folder, limits: limits, proxySocket: proxySocket) { event in
            if case .log(let text) = event { log.withLock { $0 += text.readable } }
        }
        return Said(end: end, log: log.withLock { $0 })
    }

    func run(
        script: String, limits: SandboxLimits = SandboxLimits(), proxySocket: String? = nil
    ) async throws -> Said {
        try await run(Program(["/bin/sh", "-c", script]), limits: limits, proxySocket: proxySocket)
    }
}

/// A number that no other run of these tests uses, to know processes by.
let mark = "\(getpid())"

/// The machine's processes that have `word` in their command line, as folders of `/proc`.
func processes(with word: String) -> [String] {
    guard let proc = opendir("/proc") else { return [] }
    defer { closedir(proc) }
    var found: [String] = []
    while let entry = readdir(proc) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        guard Int(name) != nil, let file = try? Descriptor("/proc/\(name)/cmdline", O_RDONLY) else { continue }
        let line = String(decoding: (try? file.read(limit: 1 << 20)) ?? [], as: UTF8.self)
        if line.contains(word) { found.append("/proc/\(name)") }
    }
    return found
}

@Suite("The sandbox", .timeLimit(.minutes(1)))
struct SandboxTests {
    @Test("runs a command, passes on what it prints, and ends as it did")
    func runs() async throws {
        let said = try await Yard().run(script: "echo out; echo err >&2; pwd; exit 7")
        #expect(said.end.cause == .exited(7))
        #expect(said.log == "out\nerr\n/work\n")
        #expect(said.end.output == said.log)
    }

    @Test("gives words, environment and standard input as they are")
    func passesExactly() async throws {
        let yard = try await Yard()
        let strange = "it's \"$HOME\" `id` \\ ü '\u{301} \n end"
        let words = try await yard.run(Program(["printf", "[%s]", strange, "", "-n"]))
        #expect(words.log == "[\(strange)][][-n]")
        let environment = try await yard.run(
            Program(["printenv", "A", "_b1"], environment: [("A", strange), ("_b1", "")]))
        #expect(environment.log == strange + "\n\n")
        let big = String(repeating: "0123456789abcde\n", count: 40_000)
        let counted = try await yard.run(Program(["wc", "-c"], stdin: big))
        #expect(counted.log == "640000\n")
        #expect(try await yard.run(Program(["head", "-c", "3"], stdin: big)).log == "012")
        #expect(try await yard.run(Program(["cat"])).end.cause == .exited(0))
    }

    @Test("has an environment of its own and the job's, nothing of the daemon's")
    func environment() async throws {
        setenv("HATCHFARM_TEST_SECRET", "s3cret", 1)
        let said = try await Yard().run(Program(["env"], environment: [("LANG", "C"), ("MINE", "1")]))
        let names = Set(said.log.split(separator: "\n").map { $0.prefix { $0 != "=" } })
        #expect(names == ["HOME", "PATH", "LANG", "MINE", "PWD"])
        #expect(said.log.contains("LANG=C\n"))
    }

    @Test(
        "an environment reaches the job alone, whatever a shell or a linker would make of it", arguments: [true, false])
    func hostileEnvironment(isProtected: Bool) async throws {
        let names = [
            "OPTIND", "UID", "EUID", "PPID", "IFS", "ENV", "BASH_ENV", "LD_PRELOAD", "LD_LIBRARY_PATH", "PS4",
            "SHELLOPTS", "BASHOPTS", "LINENO", "RANDOM", "PWD", "OLDPWD", "_", "POSIXLY_CORRECT", "word", "PATH",
            "MAIL", "MAILPATH", "PS1", "HISTFILE", "GLIBC_TUNABLES", "LC_ALL", "TEXTDOMAIN", "NLSPATH", "i", "S",
        ]
        let yard = try await Yard(isProtected: isProtected)
        for value in ["no/such \n value $(exit 9)", "", "-1"] {
            let given = names.map { ($0, $0 == "PATH" ? "\(value):/usr/bin" : value) }
            let said = try await yard.run(Program(["env", "-0"], environment: given))
            #expect(said.end.cause == .exited(0), "\(said.log)")
            // What ends each is a NUL, which no log holds.
            for (name, value) in given { #expect(said.log.contains("\(name)=\(value)\u{FFFD}"), "\(name)") }
        }
    }

    @Test("the job's PATH says where its command is")
    func path() async throws {
        let yard = try await Yard()
        let nowhere = try await yard.run(Program(["true"], environment: [("PATH", "/nowhere")]))
        #expect(nowhere.end.cause == .exited(127))
        let there = try await yard.run(Program(["true"], environment: [("PATH", "/nowhere:/usr/bin")]))
        #expect(there.end.cause == .exited(0))
        let dash = try await yard.run(Program(["-true"], environment: [("A", "1")]))
        #expect(dash.end.cause == .exited(127), "\(dash.log)")
    }

    @Test(
        "what can't be run is the job's failure, with a word about it",
        arguments: [
            Program([]), Program([""]), Program(["A=b"]), Program(["true"], environment: [("1A", "x")]),
            Program(["true"], environment: [("A=B", "x")]), Program(["true", "a\u{0}b"]),
        ])
    func impossible(program: Program) async throws {
        let said = try await Yard().run(program)
        #expect(said.end.cause == .exited(127))
        #expect(!said.end.output.isEmpty)
    }

    @Test("a command that isn't there ends with 127, one killed by a signal with 128 more")
    func exitCodes() async throws {
        let yard = try await Yard()
        #expect(try await yard.run(Program(["no-such-program"])).end.cause == .exited(127))
        #expect(try await yard.run(Program(["exit", "3"])).end.cause == .exited(127))
        #expect(try await yard.run(Program(["/usr"])).end.cause == .exited(126))
        #expect(try await yard.run(script: "kill -9 $$").end.cause == .exited(137))
    }

    @Test("has no network, not even the machine's own")
    func network() async throws {
        let host = try Socket.listening(port: 0)
        defer { host.close() }
        let yard = try await Yard()
        let said = try await yard.run(
            Program(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(host.port) && echo connected; wc -l </proc/net/dev"]))
        #expect(!said.log.contains("connected"))
        // Two lines of heading and `lo`.
        #expect(said.log.hasSuffix("3\n"))
    }

    @Test("lets it write to its work folder and to temporary ones, and nowhere else")
    func readOnly() async throws {
        let said = try await Yard().run(
            script: """
                for place in / /usr /bin /etc /dev /run /run/job /proc/sys/kernel/hostname /home /root /sys /var; do
                    touch $place/x 2>/dev/null && echo "wrote to $place"
                done
                echo x > /proc/sys/kernel/core_pattern && echo core
                echo x > /run/job/start && echo start
                touch /work/x /tmp/x /dev/shm/x && echo fine
                ls -A /
                """)
        #expect(!said.log.contains("wrote to") && !said.log.contains("core\n") && !said.log.contains("start\n"))
        #expect(said.log.contains("fine\n"))
        for hidden in ["home", "root", "var", "sys", "boot", "srv"] { #expect(!said.log.contains("\n\(hidden)\n")) }
        #expect(!said.log.contains("shadow"))
    }

    @Test("has no privileges, no way to more, and nobody else's processes or descriptors")
    func privileges() async throws {
        let said = try await Yard().run(
            script: """
                id -u; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status | tr -d '\\t'
                unshare -U true 2>/dev/null && echo nested
                mount -t tmpfs none /tmp 2>/dev/null && echo mounted
                ls /proc | grep -c '^[0-9]'
                ls /proc/self/fd | wc -l
                cat /proc/1/environ 2>/dev/null | tr '\\0' '\\n' | grep -c SECRET
                """)
        let lines = said.log.split(separator: "\n")
        #expect(lines.first == "65534")
        #expect(said.log.contains("CapEff:0000000000000000") && said.log.contains("CapBnd:0000000000000000"))
        #expect(said.log.contains("NoNewPrivs:1"))
        #expect(!said.log.contains("nested") && !said.log.contains("mounted"))
        // At most the start shell, the job's shell, `ls` and `grep`; descriptors 0, 1, 2 and the one that lists them.
        #expect(lines.count >= 3 && (Int(lines[lines.count - 3]) ?? 99) <= 4)
        #expect(lines.suffix(2) == ["4", "0"])
    }

    @Test("shows nothing of the job but its command to the machine's other users")
    func hidden() async throws {
        let yard = try await Yard()
        let program = Program(
            ["sleep", "30.\(mark)"], environment: [("KEY", "s3cr3t-4711")], stdin: "s3cr3t-4711")
        let running = Task { try await yard.run(program) }
        // The programs that start it have its environment in their arguments, for a moment.
        try await eventually("the job runs, and nothing else does") {
            !processes(with: "30.\(mark)").isEmpty && processes(with: "s3cr3t-4711").isEmpty
        }
        running.cancel()
        #expect(try await running.value.end.cause == .stopped)
    }

    @Test("a run as root's daemon is an unprivileged user's on the host, another in each slot")
    func hostUser() async throws {
        guard geteuid() == 0 else { return }
        let yard = try await Yard()
        let running = Task { try await yard.run(Program(["sleep", "31.\(mark)"]), slot: 3) }
        try await eventually("the job runs") { !processes(with: "31.\(mark)").isEmpty }
        #expect(HostUser(slot: 3).actual >= 60_706 && HostUser(slot: 3) != HostUser(slot: 4))
        for process in processes(with: "31.\(mark)") {
            var status = stat()
            #expect(stat(process, &status) == 0 && status.st_uid == HostUser(slot: 3).actual)
        }
        running.cancel()
        _ = try await running.value
    }
}
