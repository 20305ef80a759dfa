import API
import Bytes
import Foundation
import Support
import Testing

@Suite("The document as a page", .timeLimit(.minutes(2)))
struct DocumentPageTests {
    /// What stands between two marks, of each of their pairs.
    private func all(_ start: String, _ end: String, in page: String) -> [String] {
        page.components(separatedBy: start).dropFirst().compactMap { $0.components(separatedBy: end).first }
    }

    @Test("has every operation with its examples, and every named schema")
    func whole() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let document = try await plane.send("GET", "/openapi.json", base: "").json
            let reply = try await plane.send("GET", "/docs", base: "")
            #expect(reply.status == 200 && reply["Content-Type"] == "text/html; charset=utf-8")
            let page = reply.text
            let ids = all("<details id=\"", "\"", in: page)
            let operations = (document["paths"]?.members ?? []).flatMap { path in
                (path.value.members ?? []).map { (path.key, $0.value) }
            }
            for (path, operation) in operations {
                #expect(ids.contains(operation["operationId"]?.string ?? ""), "\(path)")
                #expect(page.contains(" \(path)</code> "))
            }
            let schemas = (document["components"]?["schemas"]?.members ?? []).map { "schema-\($0.key)" }
            #expect(Set(schemas).isSubset(of: ids) && ids.count == operations.count + schemas.count)
            for system in ["HatchFarm", "SteelThread", "Gateway", "bee:hack", "Inkling", "Jobs"] {
                #expect(page.contains(">\(system): "), "\(system)")
            }
            let targets = Set(all(" id=\"", "\"", in: page))
            #expect(all("href=\"#", "\"", in: page).allSatisfy(targets.contains))
            #expect(page.contains("019c1390-4000-7c4e-9b1f-3a5c7e9d1b2f"))
        }
    }

    @Test("loads nothing, runs only what its policy names, and is closed where it was opened")
    func policy() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let reply = try await plane.send("GET", "/docs", base: "")
            let policy = try #require(reply["Content-Security-Policy"])
            #expect(policy.hasPrefix("default-src 'none'; ") && !policy.contains("unsafe"))
            for (part, mark) in [("style", "style-src"), ("script", "script-src")] {
                let texts = all("<\(part)>", "</\(part)>", in: reply.text)
                let hash = Base64.encode(SHA256.hash(texts.first ?? ""))
                #expect(texts.count == 1 && policy.contains("\(mark) 'sha256-\(hash)'"))
            }
            #expect(all("href=\"", "\"", in: reply.text).allSatisfy { $0.hasPrefix("#") || $0 == "/openapi.json" })
            var open: [Substring] = []
            for match in reply.text.matches(of: #/<(\/?)([a-z0-9]+)([^>]*)>/#) {
                let (_, slash, name, attributes) = match.output
                #expect(!["link", "img", "iframe", "base", "object"].contains(name))
                #expect(!attributes.contains(#/\s(src|style|on\w+)=/#), "\(match.output.0)")
                if ["meta", "input"].contains(name) { continue }
                if slash.isEmpty { open.append(name) } else { #expect(open.popLast() == name) }
            }
            #expect(open == [])
            let packed = try await plane.send("GET", "/docs", [("Accept-Encoding", "gzip, zstd")], base: "")
            #expect(packed["Content-Encoding"] == "zstd" && packed.body.count < reply.body.count / 5)
            #expect(try Zstd.decompress(packed.body, limit: 8 << 20, ratio: .max) == reply.body)
        }
    }

    @Test("shows what looks like a mark as it is written")
    func escaped() {
        let bad: JSON = "<b title=\"x\">&"
        let operation: JSON = [
            "operationId": bad, "summary": bad, "tags": [bad], "security": [.object([.init("<b>", [])])],
            "parameters": [["name": bad, "in": bad, "description": bad, "schema": ["pattern": bad]]],
            "requestBody": ["content": ["<b>": ["schema": ["x": bad], "example": bad]]],
            "responses": [
                "200": ["description": bad, "content": ["<b>": ["schema": ["$ref": bad], "example": [bad]]]]
            ],
        ]
        let page = DocumentPage([
            "info": ["title": bad, "version": bad, "description": bad], "paths": ["/<b>": ["<b>": operation]],
            "components": ["schemas": ["<b>": bad]],
        ])
        let text = String(decoding: page.html, as: UTF8.self)
        #expect(!text.contains("<b>") && !text.contains("<b ") && text.contains("&lt;b title=&quot;x&quot;&gt;&amp;"))
    }
}
