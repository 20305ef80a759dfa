import Glibc
@testable import Sandbox
import Support
import Testing

/// Doors of the kernel.
private let attempts: [Attempt] = [
    .call("asks for an io_uring", "io_uring_setup", "8, $buffer", outside: true),
    .call("enters an io_uring", "io_uring_enter", "99, 0, 0, 0, 0, 0"),
    .call("makes a key", "add_key", "\"user\", \"k\", \"v\", 1, -3"),
    .call("asks for the session's keyring", "keyctl", "0, -3, 0", outside: true),
    .call("asks for somebody's key", "request_key", "\"user\", \"k\", $zero, -3"),
    .call("loads a program into the kernel", "bpf", "0, $buffer, 72"),
    .call("counts the processor's events", "perf_event_open", "$buffer, 0, -1, -1, 0"),
    .call("is traced by its parent", "ptrace", "0, 0, 0, 0", outside: true),
    .call("reads another process's memory", "process_vm_readv", "1, $buffer, 0, $buffer, 0, 0", outside: true),
    .call("writes another process's memory", "process_vm_writev", "1, $buffer, 0, $buffer, 0, 0", outside: true),
    .call("mounts", "mount", "\"none\", \"/tmp\", \"tmpfs\", 0, $zero"),
    .call("unmounts what hides things", "umount2", "\"/proc\", 2"),
    .call("moves a mount", "move_mount", "-100, \"/usr\", -100, \"/tmp\", 0"),
    .call("opens a tree of mounts", "open_tree", "-100, \"/\", 1"),
    .call("opens a file system", "fsopen", "\"tmpfs\", 0"),
    .call("changes a mount", "mount_setattr", "-100, \"/\", 0, $buffer, 32"),
    .call("turns the root", "pivot_root", "\"/tmp\", \"/tmp\""),
    .call("changes its root", "chroot", "\"/tmp\""),
    .call("leaves its user namespace", "unshare", "0x10000000", outside: true),
    .call("leaves its mount namespace", "unshare", "0x20000"),
    .call("forks into a user namespace", "clone", "0x10000011, 0, 0, 0, 0"),
    .call("forks into a network namespace", "clone", "0x40000011, 0, 0, 0, 0"),
    .call("forks by clone3, whose flags a filter can't see", "clone3", "$buffer, 0", refusals: [ENOSYS], outside: true),
    .call("enters another's namespace", "setns", "0, 0", outside: true),
    .call("handles page faults of the kernel", "userfaultfd", "0", outside: false),
    .call("loads another kernel", "kexec_load", "0, 0, $buffer, 0"),
    .call("opens a file by its handle", "open_by_handle_at", "-100, $buffer, 0"),
    .call("asks for a file's handle", "name_to_handle_at", "-100, \"/\", $buffer, $buffer, 0", outside: true),
    .call("loads a module", "init_module", "$buffer, 0, \"\""),
    .call("unloads a module", "delete_module", "\"loop\", 2048"),
    .call("restarts the machine", "reboot", "0, 0, 0, $zero"),
    .call("turns swap off", "swapoff", "\"/swap\""),
    .call("has processes accounted", "acct", "\"/work/acct\""),
    .call("sets the clock", "clock_settime", "0, $buffer"),
    .call("sets the clock the old way", "settimeofday", "$buffer, $zero"),
    .call("turns the clock's speed", "adjtimex", "$buffer", outside: true),
    .call("makes addresses predictable", "personality", "0x0040000", outside: true),
    .call("reads the kernel's messages", "syslog", "3, $buffer, 4096"),
    .call("changes the machine's name", "sethostname", "\"x\", 1"),
    .call("watches all files", "fanotify_init", "0, 0"),
    .call("hears where its folder is being measured", "inotify_init1", "0", refusals: [ENOSYS], outside: true),
    .call("types into its terminal", "ioctl", "0, 0x5412, \"x\"", refusals: [EPERM], outside: true),
    .call("pastes into the console", "ioctl", "0, 0x541C, \"\\3\"", refusals: [EPERM], outside: true),
    .call("chooses not to die with the daemon", "prctl", "1, 0", outside: true),
    .call("chooses to die milder", "prctl", "1, 18", outside: true),
    .call("takes another's descriptor", "pidfd_getfd", "99, 0, 0", outside: true),
    .call("calls what this house doesn't know", "no_such_call", refusals: [ENOSYS]),
    Attempt(
        "calls by the numbers of x32",
        "[ \"$(uname -m)\" = x86_64 ] && perl -e 'print \"escaped\\n\" if syscall(0x40000000 + 39) > 0'; true"),
    Attempt(
        "gets a capability back",
        "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | grep -vq '0000000000000000$' "
            + "&& echo escaped; true"),
]

@Suite("Escapes by the kernel", .timeLimit(.minutes(2)))
struct KernelEscapes {
    @Test("a job can't do it by the kernel", arguments: attempts)
    func attempt(_ attempt: Attempt) async throws {
        let yard = try await Yard()
        try await yard.expectContained(attempt)
    }

    @Test("every call has one answer, on each architecture", arguments: SeccompFilter.Architecture.allCases)
    func oneAnswer(_ architecture: SeccompFilter.Architecture) {
        var names: Set<String> = []
        for list in [SystemCalls.allowed, SystemCalls.refused, SystemCalls.ignored, SystemCalls.checked] {
            for entry in list.split(whereSeparator: \.isWhitespace) {
                #expect(names.insert(String(entry.prefix { $0 != ":" })).inserted, "\(entry) stands twice")
            }
        }
        let filter = SeccompFilter(for: architecture)
        // The kernel's own bound.
        #expect(filter.instructions.count < 4_096)
        #expect(filter.bytes.count == 8 * filter.instructions.count)
        for check in SystemCallCheck.all {
            #expect(SystemCalls.number(of: check.call, architecture) != nil, "\(check.call)")
        }
    }
}
