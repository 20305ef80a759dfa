import Glibc
@testable import Sandbox
import Support
import Testing

/// Something a job may try, in one sentence, as a script that prints `escaped` when it got through.
struct Attempt: Sendable, CustomTestStringConvertible {
    let sentence: String
    let script: String
    /// Whether the same script gets through without walls: then it is known to try what it says. Only where that does
    /// the machine no harm.
    let worksOutside: Bool

    init(_ sentence: String, outside: Bool = false, _ script: String) {
        self.sentence = sentence
        self.script = script
        worksOutside = outside
    }

    /// Calls that the filter has in no list.
    private static let unlisted = "inotify_init1:294:26"

    /// A call of the kernel by its name, with arguments as perl writes them; got through unless it is refused.
    /// - Parameter refusals: the errors that count as refused; others mean that the kernel looked at it.
    static func call(
        _ sentence: String, _ name: String, _ arguments: String = "", refusals: [Int32] = [EPERM, ENOSYS],
        outside: Bool = false
    ) -> Attempt {
        let lists = [SystemCalls.refused, SystemCalls.checked, SystemCalls.allowed, unlisted]
        let numbers = lists.reduce(into: [:]) { all, list in
            guard let architecture = SeccompFilter.Architecture.current else { return }
            all.merge(SystemCalls.numbers(list, architecture)) { first, _ in first }
        }
        let number = numbers[name] ?? 999
        let list = refusals.map { "\($0)" }.joined(separator: " ")
        return Attempt(
            sentence, outside: outside,
            """
            perl -e 'my $zero = 0; my $buffer = "\\0" x 4096; my @arguments = (\(arguments));
            my $r = syscall(\(number), @arguments); my $e = $! + 0; print "answered $r $e\\n";
            print "escaped\\n" if $r != -1 || !grep { $e == $_ } qw(\(list));' || exit
            """)
    }

    var testDescription: String { sentence }
}

extension Yard {
    /// Runs the attempt inside, where it must fail and the sandbox must live, and outside if it may.
    func expectContained(_ attempt: Attempt) async throws {
        let limits = SandboxLimits(wallMilliseconds: 10_000, memoryBytes: 256 << 20, processes: 64)
        let said = try await run(script: attempt.script + "\nwait; echo tried", limits: limits)
        #expect(!said.log.contains("escaped"), "\(attempt.sentence): \(said.log)")
        // A script that stopped half-way would have tried nothing.
        #expect(said.log.contains("tried\n"), "\(attempt.sentence): \(said.end.cause) \(said.log)")
        guard attempt.worksOutside else { return }
        let yard = Yard(state: state, sandbox: .unprotected())
        let outside = try await yard.run(script: attempt.script, limits: limits)
        #expect(outside.log.contains("escaped"), "\(attempt.sentence), without walls: \(outside.log)")
    }
}
