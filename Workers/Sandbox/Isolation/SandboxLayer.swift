/// One layer of isolation, and the result of its self-test.
package struct SandboxLayer: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        case works(how: String)
        case missing(reason: String, remedy: String)
        /// Its trial didn't end in time: the machine was too busy to tell.
        case undecided
    }

    package let name: String
    package let state: State
    /// Without it there is no sandbox.
    package let isRequired: Bool

    package var works: Bool {
        if case .works = state { true } else { false }
    }

    /// The layer's name for network access through a proxy.
    package static let networkProxy = "network proxy"

    /// The layer's name for fetching the repositories of audits.
    package static let audits = "audits"

    static let landlock = "Landlock domain"

    /// For people; `nil` when nothing is missing.
    package var finding: String? {
        switch state {
        case .works: nil
        case .missing(let reason, let remedy):
            remedy.isEmpty ? "\(name): \(reason)" : "\(name): \(reason): \(remedy)"
        case .undecided: "\(name): \(Self.tooBusy)"
        }
    }

    /// What is said of a trial that didn't end in time.
    package static let tooBusy = "the trial didn't end in time, as the machine is too busy: try again"

    static func works(_ name: String, _ how: String, isRequired: Bool = true) -> SandboxLayer {
        SandboxLayer(name: name, state: .works(how: how), isRequired: isRequired)
    }

    static func undecided(_ name: String, isRequired: Bool = true) -> SandboxLayer {
        SandboxLayer(name: name, state: .undecided, isRequired: isRequired)
    }

    static func missing(_ name: String, _ reason: String, _ remedy: String, isRequired: Bool = true) -> SandboxLayer {
        SandboxLayer(name: name, state: .missing(reason: reason, remedy: remedy), isRequired: isRequired)
    }
}
