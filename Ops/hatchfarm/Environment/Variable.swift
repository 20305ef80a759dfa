/// A variable of the environment, said once: what it must be, what it is when it is unset, and what it is for. Its
/// reading, its check and every text about it come from here.
struct Variable<Value: Sendable>: Sendable {
    let facts: VariableFacts
    /// What it is when it is unset.
    let standard: Value
    private let parse: @Sendable (String) -> Value?

    /// - Parameters:
    ///   - users: who reads it.
    ///   - about: a sentence for `--help`, the table and the default file.
    ///   - more: further sentences for the table and the default file.
    ///   - example: a value for the default file, in place of the default.
    ///   - remedy: what to do about a wrong value, after a semicolon.
    init(
        _ name: String, _ reader: ValueReader<Value>, default standard: Value, for users: Set<VariableUser>,
        _ about: String, more: String = "", example: String? = nil, isSecret: Bool = false, remedy: String? = nil
    ) {
        let text = reader.text(standard)
        facts = VariableFacts(
            name: name, requirement: reader.requirement, users: users, about: about, more: more,
            unset: text.isEmpty ? nil : .value(text), example: example, isSecret: isSecret, remedy: remedy)
        self.standard = standard
        parse = reader.parse
    }

    /// - Parameter unset: what is so when it is unset, for people.
    init<Wrapped>(
        _ name: String, _ reader: ValueReader<Wrapped>, unset: String? = nil, for users: Set<VariableUser>,
        _ about: String, more: String = "", example: String? = nil, isSecret: Bool = false, remedy: String? = nil
    ) where Value == Wrapped? {
        facts = VariableFacts(
            name: name, requirement: reader.requirement, users: users, about: about, more: more,
            unset: unset.map { .phrase($0) }, example: example, isSecret: isSecret, remedy: remedy)
        standard = nil
        parse = { text in reader.parse(text).map { .some($0) } }
    }

    private init(_ facts: VariableFacts, like other: Variable) {
        self.facts = facts
        standard = other.standard
        parse = other.parse
    }

    /// The variable of one of several things, whose name stands in for `<NAME>`.
    func named(_ part: String) -> Variable {
        var facts = facts
        facts.name = facts.name.replacing(VariableFacts.placeholder, with: part)
        return Variable(facts, like: self)
    }

    func value(in environment: Environment) throws(VariableProblem) -> Value {
        guard let text = environment.text(of: facts) else { return standard }
        guard let value = parse(text) else { throw VariableProblem(facts, text) }
        return value
    }
}

/// How a text becomes a value.
struct ValueReader<Value: Sendable>: Sendable {
    /// Ends the sentence "NAME must be …".
    let requirement: String
    let parse: @Sendable (String) -> Value?
    /// The value as it is written; empty: it can't be, or is none.
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

/// What is said of a variable, whatever its type.
struct VariableFacts: Sendable {
    enum Unset: Sendable, Equatable {
        /// A value that it then has.
        case value(String)
        /// What is so then, in words.
        case phrase(String)
    }

    /// `OIDC_<NAME>_CLIENT_ID` is a pattern: a variable for each name.
    fileprivate(set) var name: String
    let requirement: String
    let users: Set<VariableUser>
    let about: String
    let more: String
    let unset: Unset?
    let example: String?
    /// Whether its value, or a part of it, is shown to nobody.
    let isSecret: Bool
    let remedy: String?

    static let placeholder = "<NAME>"
    var isPattern: Bool { name.contains(Self.placeholder) }

    /// Whether a variable of this name is this one.
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
        case .client: "the commands that call a server, among them `worker` when it enrols"
        case .terminal: "whatever draws on a terminal"
        case .unit: "`hatchfarm-worker.service`"
        }
    }
}

/// A value that can't be used: what is wrong and what to do, without the value of a secret.
struct VariableProblem: Error {
    let wrong: String
    let remedy: String

    init(_ facts: VariableFacts, _ text: String) {
        let shown = facts.isSecret ? "" : ", not \"\(Text.clipped(Text.tame(text), to: 60))\""
        wrong = "\(facts.name) must be \(facts.requirement)\(shown)"
        if let remedy = facts.remedy {
            self.remedy = remedy
        } else if case .value(let value) = facts.unset {
            remedy = "correct it, or unset it for \(value)"
        } else {
            remedy = "correct it, or unset it"
        }
    }

    var failure: Failure { .misconfigured("\(wrong); \(remedy)") }
}
