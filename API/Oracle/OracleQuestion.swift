internal import Bytes
internal import Domain

/// A conversation that is to be continued.
struct OracleQuestion: Sendable {
    enum Role: String, CaseIterable, Sendable { case user, assistant, system }

    struct Message: Sendable {
        let role: Role
        let content: String
    }

    let messages: [Message]
    let maxTokens: Int64

    /// Bytes of all messages together.
    static let promptLimit = 32_768

    var promptBytes: Int { messages.reduce(0) { $0 + $1.content.utf8.count } }

    /// What it may cost, in tokens.
    var estimate: Int64 { OracleReservation.estimate(promptBytes: promptBytes, maxTokens: maxTokens) }

    private static let message = Input {
        required("role", Format<Role>.choice)
        required("content", .utf8(1...promptLimit))
    }
    .map { role, content throws(FieldError) in Message(role: role, content: content) }

    static let input = Input {
        required("messages", Input<[Message]>.array(message, 1...50))
        optional("max_tokens", .integer(1...Int64(4_096)), default: 1_024)
        optional("system_prompt", .utf8(0...promptLimit), "As a first message of the role system; none when empty.")
    }
    .map { said, maxTokens, prompt throws(FieldError) in
        let system = (prompt ?? "").isEmpty ? nil : prompt.map { Message(role: .system, content: $0) }
        let messages = (system.map { [$0] } ?? []) + said
        let question = OracleQuestion(messages: messages, maxTokens: maxTokens)
        guard question.promptBytes <= promptLimit else {
            throw FieldError("messages", .outOfRange("at most \(promptLimit) bytes together"))
        }
        guard messages.contains(where: { $0.role == .user }) else {
            throw FieldError("messages", .invalid("must hold one of the user"))
        }
        guard question.estimate <= OracleReservation.tokens.limit else {
            throw FieldError("max_tokens", .invalid("must leave all of it within the tokens of a day"))
        }
        return question
    }
}

struct OracleAnswer: Sendable {
    let text: String
    /// As the upstream counts them; nil when it doesn't say.
    let tokens: Int64?
}

/// What is sent to an upstream, and what its answer says.
extension OracleUpstream {
    var url: String {
        let base = base.hasSuffix("/v1") ? base : base + "/v1"
        return switch style {
        case .anthropic: base + "/messages"
        case .openAI: base + "/chat/completions"
        }
    }

    var headers: [(String, String)] {
        switch style {
        case .anthropic: [("x-api-key", key), ("anthropic-version", "2023-06-01")]
        case .openAI: [("authorization", "Bearer \(key)")]
        }
    }

    func body(_ question: OracleQuestion) -> JSON {
        var messages = question.messages
        var members = [JSON.Member("model", .string(model)), JSON.Member("max_tokens", JSON(question.maxTokens))]
        if case .anthropic = style {
            let system = messages.filter { $0.role == .system }.map(\.content).joined(separator: "\n\n")
            if !system.isEmpty { members.append(.init("system", .string(system))) }
            messages.removeAll { $0.role == .system }
        }
        let list = messages.map { message -> JSON in
            ["role": .string(message.role.rawValue), "content": .string(message.content)]
        }
        return .object(members + [.init("messages", .array(list))])
    }

    /// nil for what has no text.
    func answer(_ json: JSON) -> OracleAnswer? {
        let usage = json["usage"]
        switch style {
        case .anthropic:
            let parts = (json["content"]?.array ?? []).filter { $0["type"]?.string == "text" }
            let text = parts.compactMap { $0["text"]?.string }.joined()
            return Self.answer(text, Self.sum(usage?["input_tokens"], usage?["output_tokens"]))
        case .openAI:
            let text = json["choices"]?.array?.first?["message"]?["content"]?.string ?? ""
            let parts = Self.sum(usage?["prompt_tokens"], usage?["completion_tokens"])
            return Self.answer(text, Self.count(usage?["total_tokens"]) ?? parts)
        }
    }

    private static func answer(_ text: String, _ tokens: Int64?) -> OracleAnswer? {
        text.isEmpty ? nil : OracleAnswer(text: text, tokens: tokens)
    }

    /// nil for what can't be a number of tokens.
    private static func count(_ json: JSON?) -> Int64? { json?.int.flatMap { (0...1_000_000).contains($0) ? $0 : nil } }

    private static func sum(_ input: JSON?, _ output: JSON?) -> Int64? {
        guard let input = count(input), let output = count(output) else { return nil }
        return input + output
    }
}
