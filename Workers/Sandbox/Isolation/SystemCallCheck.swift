/// A call that is allowed or not by its arguments: the steps that answer it, all ways ending in an answer.
struct SystemCallCheck: Sendable {
    typealias Instruction = SeccompFilter.Instruction

    let call: String
    let instructions: [Instruction]

    static let all: [SystemCallCheck] = [
        // Threads and children, but none in namespaces of its own: CLONE_NEWNS, -CGROUP, -UTS, -IPC, -USER, -PID, -NET.
        SystemCallCheck(
            call: "clone",
            instructions: [
                .load(argument(0)), .skip(1, unlessAnyBitOf: 0x7E02_0000), .answer(.refused), .answer(.allow),
            ]),
        // Its flags are in memory, where a filter can't look: libc falls back to `clone`.
        SystemCallCheck(call: "clone3", instructions: [.answer(.unknown)]),
        // TIOCSTI types into a terminal, TIOCLINUX pastes, TIOCCONS takes the console's output, TIOCSETD loads drivers.
        SystemCallCheck(
            call: "ioctl",
            instructions: denying([0x5412, 0x541C, 0x541D, 0x5423], in: argument(1), answer: .refused)),
        // Linux's own and the question which it is; not those that make addresses predictable.
        SystemCallCheck(
            call: "personality",
            instructions: allowing([0, 0xFFFF_FFFF], in: argument(0), otherwise: .refused)),
        // PR_SET_PDEATHSIG: what dies with the daemon can't choose to live, or to die of something milder than SIGKILL.
        // PR_SET_MM: no lies about a process's own memory.
        SystemCallCheck(
            call: "prctl",
            instructions: [
                .load(argument(0)), .skip(1, unlessEqual: 35), .answer(.refused), .skip(4, unlessEqual: 1),
                .load(argument(1)), .skip(1, unlessEqual: 9), .answer(.allow), .answer(.refused), .answer(.allow),
            ]),
        // AF_UNIX, AF_INET, AF_INET6; not netlink, packets, vsock, or the kernel's ciphers.
        SystemCallCheck(
            call: "socket",
            instructions: allowing([1, 2, 10], in: argument(0), otherwise: .noSuchFamily)),
        SystemCallCheck(
            call: "socketpair",
            instructions: allowing([1], in: argument(0), otherwise: .noSuchFamily)),
    ]

    private static func argument(_ index: UInt32) -> UInt32 { 16 + 8 * index }

    private static func allowing(
        _ values: [UInt32], in argument: UInt32, otherwise answer: SeccompFilter.Answer
    ) -> [Instruction] {
        let steps = values.flatMap { [Instruction.skip(1, unlessEqual: $0), .answer(.allow)] }
        return [.load(argument)] + steps + [.answer(answer)]
    }

    private static func denying(
        _ values: [UInt32], in argument: UInt32, answer: SeccompFilter.Answer
    ) -> [Instruction] {
        let steps = values.flatMap { [Instruction.skip(1, unlessEqual: $0), .answer(answer)] }
        return [.load(argument)] + steps + [.answer(.allow)]
    }
}
