internal import Configuration

/// The environment, one typed value at a time. A wrong value is told in one line that names its variable.
struct Environment: Sendable {
    private let reader: ConfigReader

    init(_ variables: [String: String]? = nil) {
        if let variables {
            reader = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: variables))
        } else {
            reader = ConfigReader(provider: EnvironmentVariablesProvider())
        }
    }

    /// An empty variable counts as unset.
    func text(_ name: String) -> String? {
        guard let value = reader.string(forKey: ConfigKey([name]), isSecret: true), !value.isEmpty else { return nil }
        return value
    }

    func integer(_ name: String, in range: ClosedRange<Int>, default value: Int) throws(Failure) -> Int {
        guard let text = text(name) else { return value }
        guard let number = Int(text), range.contains(number) else {
            throw .misconfigured("\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func flag(_ name: String, default value: Bool = false) throws(Failure) -> Bool {
        guard let text = text(name) else { return value }
        switch text.lowercased() {
        case "true", "1", "yes", "on": return true
        case "false", "0", "no", "off": return false
        default: throw .misconfigured("\(name) must be true or false")
        }
    }

    /// Separated by commas, without the blanks around them.
    func list(_ name: String) -> [String] {
        (text(name) ?? "").split(separator: ",").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty }
    }
}
