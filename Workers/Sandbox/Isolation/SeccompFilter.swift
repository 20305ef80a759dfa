/// The seccomp filter for jobs, as the bytes that `bwrap --seccomp` takes: an allowlist. Unknown calls fail with
/// `ENOSYS`, as on an older kernel, so that programs fall back; known dangerous ones fail with `EPERM`. Rationale:
/// Ops/decisions/0009-the-walls-of-the-sandbox.md.
struct SeccompFilter: Sendable {
    enum Architecture: Sendable, CaseIterable {
        case x86_64, aarch64

        /// This program's own; `nil` if there is no filter for it.
        static var current: Architecture? {
            #if arch(x86_64)
                .x86_64
            #elseif arch(arm64)
                .aarch64
            #else
                nil
            #endif
        }

        /// `AUDIT_ARCH_…` of `linux/audit.h`.
        fileprivate var auditWord: UInt32 {
            switch self {
            case .x86_64: 0xC000_003E
            case .aarch64: 0xC000_00B7
            }
        }
    }

    /// What happens to a call: a filter return value of `linux/seccomp.h`.
    enum Action: Equatable, Sendable {
        case allow
        /// The call isn't executed and fails with this `errno`; 0: it appears to succeed.
        case fail(UInt32)

        var code: UInt32 {
            switch self {
            case .allow: 0x7FFF_0000
            case .fail(let errno): 0x0005_0000 | errno
            }
        }

        static let refused = fail(1)
        static let unknown = fail(38)
        static let noSuchFamily = fail(97)
    }

    /// A classic BPF instruction, as in `linux/filter.h`.
    struct Instruction: Equatable, Sendable {
        let code: UInt16
        let jumpTrue: UInt8
        let jumpFalse: UInt8
        let value: UInt32

        /// Loads the word at an offset in `struct seccomp_data`: 0 is the call's number, 4 the architecture, 16 + 8n
        /// the lower half of argument n (both architectures are little-endian).
        static func load(_ offset: UInt32) -> Instruction {
            Instruction(code: 0x20, jumpTrue: 0, jumpFalse: 0, value: offset)
        }

        static func end(_ action: Action) -> Instruction {
            Instruction(code: 0x06, jumpTrue: 0, jumpFalse: 0, value: action.code)
        }

        /// Skips the next `skipped` instructions unless the loaded word equals `value`.
        static func skip(_ skipped: UInt8, unlessEqual value: UInt32) -> Instruction {
            Instruction(code: 0x15, jumpTrue: 0, jumpFalse: skipped, value: value)
        }

        static func skip(_ skipped: UInt8, ifEqual value: UInt32) -> Instruction {
            Instruction(code: 0x15, jumpTrue: skipped, jumpFalse: 0, value: value)
        }

        static func skip(_ skipped: UInt8, ifGreater value: UInt32) -> Instruction {
            Instruction(code: 0x25, jumpTrue: skipped, jumpFalse: 0, value: value)
        }

        static func skip(_ skipped: UInt8, unlessAnyBitOf value: UInt32) -> Instruction {
            Instruction(code: 0x45, jumpTrue: 0, jumpFalse: skipped, value: value)
        }

        fileprivate var bytes: [UInt8] {
            let halves = [UInt8(code & 0xFF), UInt8(code >> 8), jumpTrue, jumpFalse]
            return halves + (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
        }
    }

    let instructions: [Instruction]

    init(for architecture: Architecture) {
        var program: [Instruction] = [
            // Another architecture's numbers mean other calls: refuse all of them.
            .load(4), .skip(1, ifEqual: architecture.auditWord), .end(.refused),
        ]
        program.append(.load(0))
        for check in SystemCallCheck.all {
            guard let number = SystemCalls.number(of: check.call, architecture) else { continue }
            program += [.skip(UInt8(check.instructions.count), unlessEqual: number)] + check.instructions
        }
        // The numbers of x32 are above all of these, and therefore unknown.
        for run in SystemCalls.runs(architecture) {
            program += [.skip(1, ifGreater: run.last), .end(run.action)]
        }
        instructions = program + [.end(.unknown)]
    }

    var bytes: [UInt8] {
        instructions.flatMap(\.bytes)
    }
}

extension SystemCalls {
    /// Consecutive numbers with the same action.
    struct Run: Equatable {
        let last: UInt32
        let action: SeccompFilter.Action
    }

    static func number(of name: String, _ architecture: SeccompFilter.Architecture) -> UInt32? {
        numbers(checked, architecture)[name]
    }

    static func runs(_ architecture: SeccompFilter.Architecture) -> [Run] {
        var actions: [UInt32: SeccompFilter.Action] = [:]
        for number in numbers(allowed, architecture).values { actions[number] = .allow }
        for number in numbers(refused, architecture).values { actions[number] = .refused }
        for number in numbers(ignored, architecture).values { actions[number] = .fail(0) }
        var runs: [Run] = []
        for number in 0...(actions.keys.max() ?? 0) {
            let action = actions[number] ?? .unknown
            if runs.last?.action == action { runs.removeLast() }
            runs.append(Run(last: number, action: action))
        }
        return runs
    }

    /// Parses a list of `name:x86-64:aarch64`.
    static func numbers(_ list: String, _ architecture: SeccompFilter.Architecture) -> [String: UInt32] {
        var numbers: [String: UInt32] = [:]
        for entry in list.split(whereSeparator: \.isWhitespace) {
            let parts = entry.split(separator: ":")
            guard parts.count == 3 else { continue }
            numbers[String(parts[0])] = UInt32(parts[architecture == .x86_64 ? 1 : 2])
        }
        return numbers
    }
}
