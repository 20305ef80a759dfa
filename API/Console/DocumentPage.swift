package import Bytes

/// The OpenAPI document as a page for people: all of it in one piece of HTML, with nothing loaded from elsewhere.
package struct DocumentPage {
    private let document: JSON

    package init(_ document: JSON) { self.document = document }

    private static let style = """
        :root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:64rem;margin:auto;padding:1rem}\
        pre,code{font:.875rem/1.4 ui-monospace,monospace}pre{overflow:auto;border:1px solid;padding:.5rem;\
        max-height:24rem}details{border-top:1px solid #8886;padding:.25rem 0}details details{margin-left:1rem}\
        summary{cursor:pointer;overflow-wrap:anywhere}table{border-collapse:collapse}th,td{text-align:left;\
        vertical-align:top;padding:.125rem 1rem .125rem 0}nav ul{columns:12rem;list-style:none;padding:0}\
        h3{margin-bottom:.25rem}
        """

    /// Shows what has all words of the filter, and opens what the address names.
    private static let script = """
        const all=[...document.querySelectorAll("main>details")],box=document.getElementById("filter");
        const filter=()=>{const words=box.value.toLowerCase().split(/\\s+/);for(const one of all)\
        one.hidden=!words.every(word=>one.firstElementChild.textContent.toLowerCase().includes(word))};
        const open=()=>{const one=document.getElementById(decodeURIComponent(location.hash.slice(1)));\
        if(one&&one.tagName=="DETAILS")one.open=true};
        box.addEventListener("input",filter);addEventListener("hashchange",open);filter();open()
        """

    /// What the page may load and run: its own style and script, as they are.
    package static let contentPolicy: String = {
        func source(_ text: String) -> String { "'sha256-\(Base64.encode(SHA256.hash(text)))'" }
        return "default-src 'none'; style-src \(source(style)); script-src \(source(script)); base-uri 'none'; "
            + "form-action 'none'; frame-ancestors 'none'"
    }()

    /// UTF-8.
    package var html: [UInt8] {
        let name = "\(Self.text(document["info"]?["title"])) \(Self.text(document["info"]?["version"]))"
        let operations = (document["paths"]?.members ?? []).flatMap { path in
            (path.value.members ?? []).map { (heading: Self.text($0.value["tags"]?.array?.first), path.key, $0) }
        }
        var headings: [String] = []
        for operation in operations where !headings.contains(operation.heading) { headings.append(operation.heading) }
        headings.sort()
        var page = """
            <!doctype html><html lang="en"><head><meta charset="utf-8">\
            <meta name="viewport" content="width=device-width"><title>\(name)</title>\
            <style>\(Self.style)</style></head>\
            <body><header><h1>\(name)</h1><p>\(Self.text(document["info"]?["description"])) As JSON: \
            <a href="/openapi.json">openapi.json</a>.</p></header><nav aria-label="Systems"><ul>
            """
        for (index, heading) in headings.enumerated() { page += "<li><a href=\"#part-\(index)\">\(heading)</a></li>" }
        page += "</ul></nav><p><label>Filter <input id=\"filter\" type=\"search\"></label></p><main>"
        for (index, heading) in headings.enumerated() {
            page += "<h2 id=\"part-\(index)\">\(heading)</h2>"
            for (_, path, member) in operations.filter({ $0.heading == heading }) { page += operation(path, member) }
        }
        page += "<h2 id=\"schemas\">Schemas</h2>"
        for schema in document["components"]?["schemas"]?.members ?? [] {
            page +=
                "<details id=\"schema-\(Self.escaped(schema.key))\"><summary><code>\(Self.escaped(schema.key))</code>"
                + "</summary>\(Self.block(schema.value))</details>"
        }
        return Array((page + "</main><script>\(Self.script)</script></body></html>").utf8)
    }

    private func operation(_ path: String, _ operation: JSON.Member) -> String {
        let value = operation.value
        let schemes = value["security"]?.array?.compactMap { $0.members?.first?.key } ?? []
        var text = """
            <details id="\(Self.text(value["operationId"]))"><summary>\
            <code>\(Self.escaped(operation.key.uppercased())) \
            \(Self.escaped(path))</code> \(Self.text(value["summary"]))</summary><p>Authentication: \
            \(schemes.isEmpty ? "none" : Self.escaped(schemes.joined(separator: ", "))).</p>
            """
        if let parameters = value["parameters"]?.array {
            text +=
                "<table><caption>Parameters</caption><tr><th>Name</th><th>In</th><th>Required</th><th>What</th></tr>"
            for parameter in parameters {
                text += """
                    <tr><td><code>\(Self.text(parameter["name"]))</code></td><td>\(Self.text(parameter["in"]))</td>\
                    <td>\(parameter["required"] == true ? "yes" : "no")</td><td>\(Self.text(parameter["description"])) \
                    <code>\(Self.escaped((parameter["schema"] ?? [:]).text()))</code></td></tr>
                    """
            }
            text += "</table>"
        }
        for media in value["requestBody"]?["content"]?.members ?? [] { text += "<h3>Body</h3>\(Self.media(media))" }
        text += "<h3>Replies</h3>"
        for reply in value["responses"]?.members ?? [] {
            text += "<p>\(Self.escaped(reply.key)) \(Self.text(reply.value["description"]))"
            let contents = reply.value["content"]?.members ?? []
            if reply.key < "400" {
                text += "</p>" + contents.map(Self.media).joined()
            } else {
                text += contents.map { ": \(Self.reference($0.value["schema"]))" }.joined() + "</p>"
            }
        }
        return text + "</details>"
    }

    private static func media(_ media: JSON.Member) -> String {
        let schema = media.value["schema"] ?? [:]
        return "<p>\(escaped(media.key)) \(reference(schema))</p>\(media.value["example"].map(block) ?? "")"
            + (schema["$ref"] == nil ? "<details><summary>Schema</summary>\(block(schema))</details>" : "")
    }

    /// A link to a schema that has a name.
    private static func reference(_ schema: JSON?) -> String {
        guard let name = schema?["$ref"]?.string?.split(separator: "/").last.map({ escaped(String($0)) }) else {
            return ""
        }
        return "<a href=\"#schema-\(name)\">\(name)</a>"
    }

    private static func block(_ value: JSON) -> String {
        "<pre tabindex=\"0\">\(escaped(value.string ?? indented(value, "\n")))</pre>"
    }

    private static func indented(_ value: JSON, _ line: String) -> String {
        let deeper = line + "  "
        switch value {
        case .object(let members) where !members.isEmpty:
            let parts = members.map { "\(deeper)\(JSON.string($0.key).text()): \(indented($0.value, deeper))" }
            return "{\(parts.joined(separator: ","))\(line)}"
        case .array(let values) where values.contains { $0.members != nil || $0.array != nil }:
            return "[\(values.map { deeper + indented($0, deeper) }.joined(separator: ","))\(line)]"
        default: return value.text()
        }
    }

    private static func text(_ value: JSON?) -> String { escaped(value?.string ?? "") }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
