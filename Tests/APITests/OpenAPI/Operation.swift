import Bytes
import Testing

/// One operation of the OpenAPI document, and how to call it.
struct Operation: Sendable {
    enum Credential: Sendable { case none, member, worker, device, customer }

    let method: String
    /// `/api/v1/jobs/{job}`
    let template: String
    let credential: Credential
    /// In the path, the query and the headers.
    let parameters: [(name: String, place: String)]
    /// Of a JSON body; nil when it takes none.
    let body: JSON?
    let takesBytes: Bool

    var isRead: Bool { method == "GET" }

    /// All of them.
    static func all(in document: JSON) -> [Operation] {
        (document["paths"]?.members ?? []).flatMap { path in
            (path.value.members ?? []).map { Operation($0.key.uppercased(), path.key, $0.value) }
        }
    }

    private init(_ method: String, _ template: String, _ operation: JSON) {
        self.method = method
        self.template = template
        let schemes = operation["security"]?.array?.compactMap { $0.members?.first?.key } ?? []
        credential =
            if schemes.contains("machineToken") {
                .worker
            } else if schemes.contains("deviceToken") {
                .device
            } else if schemes.contains("customerToken") {
                .customer
            } else {
                schemes.isEmpty ? .none : .member
            }
        parameters = (operation["parameters"]?.array ?? []).compactMap { parameter in
            guard let name = parameter["name"]?.string, let place = parameter["in"]?.string else { return nil }
            return (name, place)
        }
        let content = operation["requestBody"]?["content"]
        body = content?["application/json"]?["schema"]
        takesBytes = content?["application/octet-stream"] != nil
    }

    /// The path with these values in place of its names; `instead` for one of them.
    func path(_ values: [String: String], _ name: String = "", instead value: String = "") -> String {
        template.split(separator: "/", omittingEmptySubsequences: false).map { segment in
            guard segment.hasPrefix("{") else { return String(segment) }
            let parameter = String(segment.dropFirst().dropLast())
            return parameter == name ? value : values[parameter] ?? "x"
        }.joined(separator: "/")
    }
}

/// Makes bodies that a schema allows.
struct BodyMaker: Sendable {
    /// The OpenAPI document, for its references.
    let document: JSON
    /// Values for properties of these names, where any would do for the schema.
    var values: [String: JSON] = [:]
    /// Properties to leave out: one of two that exclude each other.
    var omitted: Set<String> = []

    /// With every property that the schema knows.
    func full(_ schema: JSON, _ name: String = "") -> JSON {
        if let value = values[name] { return value }
        if let shared = schema["$ref"]?.string?.split(separator: "/").last {
            return full(document["components"]?["schemas"]?[String(shared)] ?? .null, name)
        }
        if let value = schema["const"] ?? schema["enum"]?.array?.first { return value }
        if let first = schema["anyOf"]?.array?.first { return full(first, name) }
        switch schema["type"]?.string {
        case "object":
            if let value = schema["additionalProperties"] { return .object([.init("K", full(value))]) }
            let properties = (schema["properties"]?.members ?? []).filter { !omitted.contains($0.key) }
            return .object(properties.map { .init($0.key, full($0.value, $0.key)) })
        case "array": return .array(schema["items"].map { [full($0)] } ?? [])
        case "string":
            switch schema["format"]?.string {
            case "date-time": return "2026-01-01T00:00:00Z"
            case "uuid": return "0190b5f0-0000-7000-8000-000000000001"
            default: return .string(String(repeating: "a", count: Int(max(1, schema["minLength"]?.int ?? 1))))
            }
        case "integer": return schema["minimum"] ?? 1
        case "number": return 1
        case "boolean": return true
        default: return .null
        }
    }
}

/// Places in a document, and what to put there.
enum Mutation {
    enum Step: Sendable, Equatable {
        case key(String)
        case index(Int)
    }

    /// The ways to every value inside.
    static func places(in json: JSON) -> [[Step]] {
        switch json {
        case .object(let members):
            members.flatMap { member in
                [[.key(member.key)]] + places(in: member.value).map { [.key(member.key)] + $0 }
            }
        case .array(let values):
            values.enumerated().flatMap { index, value in
                [[.index(index)]] + places(in: value).map { [.index(index)] + $0 }
            }
        default: []
        }
    }

    /// The document's text with other text at the place; nil leaves it out.
    static func text(_ json: JSON, at place: ArraySlice<Step>, put text: String?) -> String? {
        guard let step = place.first else { return text }
        switch (json, step) {
        case (.object(let members), .key(let key)):
            let parts = members.compactMap { member -> String? in
                let value =
                    member.key == key ? self.text(member.value, at: place.dropFirst(), put: text) : member.value.text()
                return value.map { "\(JSON.string(member.key).text()):\($0)" }
            }
            return "{\(parts.joined(separator: ","))}"
        case (.array(let values), .index(let index)):
            let parts = values.enumerated().compactMap { other, value in
                other == index ? self.text(value, at: place.dropFirst(), put: text) : value.text()
            }
            return "[\(parts.joined(separator: ","))]"
        default: return json.text()
        }
    }

    /// With one more member, or with one of its members twice.
    static func texts(adding member: String, to json: JSON) -> [String] {
        guard let members = json.members, let first = members.first else { return [] }
        let inside = json.text().dropFirst().dropLast()
        return ["{\(inside),\(member)}", "{\(inside),\(JSON.string(first.key).text()):\(first.value.text())}"]
    }
}
