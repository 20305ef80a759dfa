/// The declaration of an environment variable: its format, its default, and its purpose. Used for parsing, validation
/// and documentation.
struct Variable<Value: Sendable>: Sendable {
    let facts: VariableFacts
    /// The value if the variable is unset.
    let defaultValue: Value
    private let parse: @Sendable (String) -> Value?

    /// - Parameters:
    ///   - users: who reads it.
    ///   - about: a sentence for `--help`, the table and the settings file.
    ///   - more: further sentences for the table and the settings file.
    ///   - example: a value for the settings file, instead of the default.
    ///   - remedy: what to do about an invalid value, after a semicolon.
    init(
        _ name: String, _ reader: ValueReader<Value>, default defaultValue: Value, for users: Set<VariableUser>,
        _ about: String, more: String = "", example: String? = nil, isSecret: Bool = false, remedy: String? = nil
    ) {
        let text = reader.text(defaultValue)
        facts = VariableFacts(
            name: name, requirement: reader.requirement, users: users, about: about, more: more,
            unset: text.isEmpty ? nil : .value(text), example: example, isSecret: isSecret, remedy: remedy)
        self.defaultValue = defaultValue
        parse = reader.parse
    }

    /// - Parameter unset: describes the behaviour if it is unset.
    init<Wrapped>(
        _ name: String, _ reader: ValueReader<Wrapped>, unset: String? = nil, for users: Set<VariableUser>,
        _ about: String, more: String = "", example: String? = nil, isSecret: Bool = false, remedy: String? = nil
    ) where Value == Wrapped? {
        facts = VariableFacts(
            name: name, requirement: reader.requirement, users: users, about: about, more: more,
            unset: unset.map { .phrase($0) }, example: example, isSecret: isSecret, remedy: remedy)
        defaultValue = nil
        parse = { text in reader.parse(text).map { .some($0) } }
    }

    private init(_ facts: VariableFacts, like other: Variable) {
        self.facts = facts
        defaultValue = other.defaultValue
        parse = other.parse
    }

    /// The variable for one name, which replaces `<NAME>`.
    func named(_ part: String) -> Variable {
        var facts = facts
        facts.name = facts.name.replacing(VariableFacts.placeholder, with: part)
        return Variable(facts, like: self)
    }

    func value(in environment: Environment) throws(VariableProblem) -> Value {
        guard let text = environment.text(of: facts) else { return defaultValue }
        guard let value = parse(text) else { throw VariableProblem(facts, text) }
        return value
    }
}

/// Parses and formats values of a type.
struct ValueReader<Value: Sendable>: Sendable {
    /// Completes the sentence "NAME must be …".
    let requirement: String
    let parse: @Sendable (String) -> Value?
    /// The value as text; empty if there is none.
    let text: @Sendable (Value) -> String

    init(
        _ requirement: String, parse: @escaping @Sendable (String) -> Value?,
        text: @escaping @Sendable (Value) -> String = { "\($0)" }
    ) {
        self.requirement = requirement
        self.parse = parse
        self.text = text
    }
}

/// The type-independent part of a variable's declaration.
struct VariableFacts: Sendable {
    enum Unset: Sendable, Equatable {
        /// A default value.
        case value(String)
        /// A description.
        case phrase(String)
    }

    /// `OIDC_<NAME>_CLIENT_ID` is a pattern: one variable per name.
    fileprivate(set) var name: String
    let requirement: String
    let users: Set<VariableUser>
    let about: String
    let more: String
    let unset: Unset?
    let example: String?
    /// Whether its value must not be shown.
    let isSecret: Bool
    let remedy: String?

    static let placeholder = "<NAME>"
    var isPattern: Bool { name.contains(Self.placeholder) }

    /// Whether this name is the variable's, or matches its pattern.
    func covers(_ other: String) -> Bool {
        guard let place = name.firstRange(of: Self.placeholder) else { return name == other }
        let (start, end) = (name[..<place.lowerBound], name[place.upperBound...])
        return other.utf8.count > start.utf8.count + end.utf8.count && other.hasPrefix(start) && other.hasSuffix(end)
    }
}

/// Who reads a variable.
enum VariableUser: String, CaseIterable, Sendable {
    case server, worker, client, terminal, unit

    /// For the legend of a table.
    var about: String {
        switch self {
        case .server: "`serve`, `up`, `migrate`, `admin` and `doctor`"
        case .worker: "`worker` and `doctor --worker`"
        case .client: "the commands that call a server, including `worker` when it enrolls"
        case .terminal: "commands that draw on a terminal"
        case .unit: "`hatchfarm-worker.service`"
        }
    }
}

/// An invalid value: what is wrong, and the remedy. Doesn't reveal secrets.
struct VariableProblem: Error {
    let message: String
    let remedy: String

    init(_ facts: VariableFacts, _ text: String) {
        let shown = facts.isSecret ? "" : ", not \"\(Text.truncated(Text.sanitized(text), to: 60))\""
        message = "\(facts.name) must be \(facts.requirement)\(shown)"
        if let remedy = facts.remedy {
            self.remedy = remedy
        } else if case .value(let value) = facts.unset {
            remedy = "correct it, or unset it for \(value)"
        } else {
            remedy = "correct it, or unset it"
        }
    }

    var failure: Failure { .misconfigured("\(message); \(remedy)") }
}
