/// A call that is allowed depending on its arguments: the instructions that decide; every path ends in an action.
struct SystemCallCheck: Sendable {
    typealias Instruction = SeccompFilter.Instruction

    let call: String
    let instructions: [Instruction]

    static let all: [SystemCallCheck] = [
        // Threads and children, but no new namespaces: CLONE_NEWNS, -CGROUP, -UTS, -IPC, -USER, -PID, -NET.
        SystemCallCheck(
            call: "clone",
            instructions: [
                .load(argument(0)), .skip(1, unlessAnyBitOf: 0x7E02_0000), .end(.refused), .end(.allow),
            ]),
        // Its flags are in memory, which a filter can't read: libc falls back to `clone`.
        SystemCallCheck(call: "clone3", instructions: [.end(.unknown)]),
        // TIOCSTI types into a terminal, TIOCLINUX pastes, TIOCCONS redirects the console, TIOCSETD loads drivers.
        SystemCallCheck(
            call: "ioctl",
            instructions: denying([0x5412, 0x541C, 0x541D, 0x5423], in: argument(1), action: .refused)),
        // PER_LINUX and the query; not those that make addresses predictable.
        SystemCallCheck(
            call: "personality",
            instructions: allowing([0, 0xFFFF_FFFF], in: argument(0), otherwise: .refused)),
        // PR_SET_PDEATHSIG: only SIGKILL, so that a job can't survive the daemon.
        // PR_SET_MM: a process must not fake its own memory map.
        SystemCallCheck(
            call: "prctl",
            instructions: [
                .load(argument(0)), .skip(1, unlessEqual: 35), .end(.refused), .skip(4, unlessEqual: 1),
                .load(argument(1)), .skip(1, unlessEqual: 9), .end(.allow), .end(.refused), .end(.allow),
            ]),
        // AF_UNIX, AF_INET, AF_INET6; not netlink, packet, vsock or AF_ALG.
        SystemCallCheck(
            call: "socket",
            instructions: allowing([1, 2, 10], in: argument(0), otherwise: .noSuchFamily)),
        SystemCallCheck(
            call: "socketpair",
            instructions: allowing([1], in: argument(0), otherwise: .noSuchFamily)),
    ]

    private static func argument(_ index: UInt32) -> UInt32 { 16 + 8 * index }

    private static func allowing(
        _ values: [UInt32], in argument: UInt32, otherwise action: SeccompFilter.Action
    ) -> [Instruction] {
        let steps = values.flatMap { [Instruction.skip(1, unlessEqual: $0), .end(.allow)] }
        return [.load(argument)] + steps + [.end(action)]
    }

    private static func denying(
        _ values: [UInt32], in argument: UInt32, action: SeccompFilter.Action
    ) -> [Instruction] {
        let steps = values.flatMap { [Instruction.skip(1, unlessEqual: $0), .end(action)] }
        return [.load(argument)] + steps + [.end(.allow)]
    }
}
