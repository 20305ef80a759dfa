/// What the doctor says of the variables themselves.
extension Environment {
    /// Every wrong value, or what is set and can be used.
    func findings(for users: Set<VariableUser>) -> [Finding] {
        let problems = problems(for: users)
        guard problems.isEmpty else {
            return problems.map { .fail("settings", $0.wrong, remedy: $0.remedy) }
        }
        let known = known(to: users)
        return [.ok("settings", known.isEmpty ? "no variable is set" : "understood: \(known.joined(separator: ", "))")]
    }

    /// A variable of no command is a variable misspelt.
    var strangers: [Finding] {
        unknown.map { name in
            .warn(
                "settings", "\(name) is set, and no command reads it",
                remedy: "is it misspelt? `hatchfarm environment` lists all")
        }
    }
}
