import Bytes

/// Holds answers against the OpenAPI document: an undocumented status or field is as wrong as a missing one.
struct AnswerSchemas: Sendable {
    private let document: JSON
    private let operations: [(segments: [Substring], operations: JSON)]

    init(_ document: JSON) {
        self.document = document
        operations = (document["paths"]?.members ?? []).map { ($0.key.split(separator: "/"), $0.value) }
    }

    /// What is wrong with the answer; nil when it is as documented, or when the path is not.
    func flaw(of reply: PlaneReply, _ method: String, _ target: String) -> String? {
        // The other name of what is below /api/v1.
        let target = target.hasPrefix("/v1/") ? "/api" + target : target
        let path = target.prefix { $0 != "?" }.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard let operation = operation(method.lowercased(), Array(path)), reply.status != 405 else { return nil }
        let responses = operation["responses"]
        guard let response = responses?["\(reply.status)"] else {
            return "status \(reply.status) is not documented"
        }
        // What answers a HEAD has no body.
        guard method != "HEAD", let schema = response["content"]?["application/json"]?["schema"] else { return nil }
        return flaw(of: reply.json, schema, at: "$")
    }

    private func operation(_ method: String, _ path: [Substring]) -> JSON? {
        let matching = operations.filter { candidate in
            candidate.segments.count == path.count
                && zip(candidate.segments, path).allSatisfy { $0 == $1 || $0.hasPrefix("{") && !$1.isEmpty }
        }
        // Literals win over names.
        let best = matching.min { left, right in
            left.segments.count { $0.hasPrefix("{") } < right.segments.count { $0.hasPrefix("{") }
        }
        return best?.operations[method]
    }

    func flaw(of value: JSON, _ schema: JSON, at place: String) -> String? {
        if let name = schema["$ref"]?.string?.split(separator: "/").last {
            guard let shared = document["components"]?["schemas"]?[String(name)] else { return "\(place): no \(name)" }
            return flaw(of: value, shared, at: place)
        }
        if let options = schema["anyOf"]?.array {
            let flaws = options.map { flaw(of: value, $0, at: place) }
            return flaws.contains(nil) ? nil : flaws.compactMap(\.self).joined(separator: " and ")
        }
        if let constant = schema["const"], constant != value { return "\(place) is not \(constant.text())" }
        if let options = schema["enum"]?.array, !options.contains(value) { return "\(place) is none of the options" }
        switch schema["type"]?.string {
        case "object": return object(value, schema, at: place)
        case "array":
            guard let items = value.array else { return "\(place) is no array" }
            if let most = schema["maxItems"]?.int, items.count > most { return "\(place) has too many items" }
            for (index, item) in items.enumerated() {
                guard let element = schema["items"] else { break }
                if let flaw = flaw(of: item, element, at: "\(place)[\(index)]") { return flaw }
            }
            return nil
        case "string": return string(value, schema, at: place)
        case "integer":
            guard let number = value.int else { return "\(place) is no integer" }
            let range = (schema["minimum"]?.int ?? .min)...(schema["maximum"]?.int ?? .max)
            return range.contains(number) ? nil : "\(place) is out of range"
        case "number": return value.double == nil ? "\(place) is no number" : nil
        case "boolean": return value.bool == nil ? "\(place) is no boolean" : nil
        case "null": return value.isNull ? nil : "\(place) is not null"
        default: return nil
        }
    }

    private func object(_ value: JSON, _ schema: JSON, at place: String) -> String? {
        guard let members = value.members else { return "\(place) is no object" }
        for name in schema["required"]?.array ?? [] where value[name.string ?? ""] == nil {
            return "\(place).\(name.text()) is missing"
        }
        guard let properties = schema["properties"] else { return nil }
        for member in members {
            guard let property = properties[member.key] else { return "\(place).\(member.key) is not documented" }
            if let flaw = flaw(of: member.value, property, at: "\(place).\(member.key)") { return flaw }
        }
        return nil
    }

    private func string(_ value: JSON, _ schema: JSON, at place: String) -> String? {
        guard let text = value.string else { return "\(place) is no string" }
        let lengths = Int(schema["minLength"]?.int ?? 0)...Int(schema["maxLength"]?.int ?? .max)
        guard lengths.contains(text.unicodeScalars.count) else { return "\(place) is too long or too short" }
        if schema["format"] == "date-time", RFC3339.parse(text) == nil { return "\(place) is no instant" }
        if let pattern = schema["pattern"]?.string {
            guard let expression = try? Regex(pattern), text.contains(expression) else {
                return "\(place) does not match \(pattern)"
            }
        }
        return nil
    }
}
