internal import Configuration
internal import Foundation

/// The environment variables at the start: `try environment.port` is the validated value of a variable. The error for
/// an invalid one names it in one line.
@dynamicMemberLookup
struct Environment: Sendable {
    private let reader: ConfigReader
    /// The names of all variables that are set.
    let names: Set<String>

    init(_ variables: [String: String] = ProcessInfo.processInfo.environment) {
        reader = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: variables))
        names = Set(variables.keys)
    }

    subscript<Value>(dynamicMember path: KeyPath<Variables, Variable<Value>>) -> Value {
        get throws(Failure) { try value(of: Variables.all[keyPath: path]) }
    }

    func value<Value>(of variable: Variable<Value>) throws(Failure) -> Value {
        do {
            return try variable.value(in: self)
        } catch {
            throw error.failure
        }
    }

    /// An empty variable counts as unset.
    func isSet<Value>(_ path: KeyPath<Variables, Variable<Value>>) -> Bool {
        text(of: Variables.all[keyPath: path].facts) != nil
    }

    /// The problems with the variables that these users read.
    func problems(for users: Set<VariableUser>) -> [VariableProblem] {
        Variables.list.filter { !$0.facts.users.isDisjoint(with: users) }.compactMap { $0.problem(in: self) }
    }

    /// The names of the variables that are set and that these users read.
    func known(to users: Set<VariableUser>) -> [String] {
        Variables.list.map(\.facts).filter { !$0.users.isDisjoint(with: users) }.flatMap { facts in
            names.filter { facts.covers($0) && text(of: facts, named: $0) != nil }.sorted()
        }
    }

    /// Names with our prefix that nothing reads.
    var unknown: [String] {
        names.filter { name in
            name.hasPrefix("HATCHFARM_") && !Variables.list.contains { $0.facts.covers(name) }
        }.sorted()
    }

    func text(of facts: VariableFacts, named name: String? = nil) -> String? {
        let text = reader.string(forKey: ConfigKey([name ?? facts.name]), isSecret: facts.isSecret)
        return text.flatMap { $0.isEmpty ? nil : $0 }
    }
}
