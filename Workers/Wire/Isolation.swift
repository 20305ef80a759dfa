/// How far a job's processes are kept from the machine, weakest first (CONTRACT 4).
package enum Isolation: String, Sendable, CaseIterable, Comparable {
    case none, sandbox, vm

    package static func < (left: Isolation, right: Isolation) -> Bool {
        left.strength < right.strength
    }

    private var strength: Int {
        switch self {
        case .none: 0
        case .sandbox: 1
        case .vm: 2
        }
    }
}
