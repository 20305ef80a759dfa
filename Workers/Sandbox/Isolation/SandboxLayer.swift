/// One of the walls around a job, as it was found when it was tried.
package struct SandboxLayer: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        case works(how: String)
        case missing(why: String, remedy: String)
    }

    package let name: String
    package let state: State
    /// Without it there is no sandbox.
    package let isRequired: Bool

    package var works: Bool {
        if case .works = state { true } else { false }
    }

    /// Its name where jobs can be led out to a proxy.
    package static let networkProxy = "network proxy"

    /// For people; `nil` when nothing is missing.
    package var finding: String? {
        guard case .missing(let why, let remedy) = state else { return nil }
        return remedy.isEmpty ? "\(name): \(why)" : "\(name): \(why): \(remedy)"
    }

    static func works(_ name: String, _ how: String, isRequired: Bool = true) -> SandboxLayer {
        SandboxLayer(name: name, state: .works(how: how), isRequired: isRequired)
    }

    static func missing(_ name: String, _ why: String, _ remedy: String, isRequired: Bool = true) -> SandboxLayer {
        SandboxLayer(name: name, state: .missing(why: why, remedy: remedy), isRequired: isRequired)
    }
}
