/// The doctor's checks of the environment variables.
extension Environment {
    /// All invalid values; if there are none, the variables that are set.
    func findings(for users: Set<VariableUser>) -> [Finding] {
        let problems = problems(for: users)
        guard problems.isEmpty else {
            return problems.map { .fail("settings", $0.message, remedy: $0.remedy) }
        }
        let known = known(to: users)
        return [.ok("settings", known.isEmpty ? "no variable is set" : "set: \(known.joined(separator: ", "))")]
    }

    /// Warnings about variables that no command reads.
    var unknownFindings: [Finding] {
        unknown.map { name in
            .warn(
                "settings", "\(name) is set, but no command reads it",
                remedy: "check the spelling; `hatchfarm environment` lists all variables")
        }
    }
}
