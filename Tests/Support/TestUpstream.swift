package import Bytes
import Foundation
import Synchronization

/// An API of language models of both styles, on a port of its own, which does what the messages that it gets order.
///
/// The style follows from the path: `…/messages` is `anthropic`, `…/chat/completions` is `openai`. A last message that
/// holds the word `anthropic=hang` has calls of that style hang; without such a word it answers. The orders:
/// `ok:IN:OUT` with these counts of tokens, whatever they are; `uncounted`; `wait:MS` before another; `status:CODE`;
/// `hang`, `cut`, `half`, `drip`, `stream`, `nonsense`, `garbage`, `empty`, `silent`, `types`, `deep`, `large`, `head`,
/// `redirect`.
package final class TestUpstream: Sendable {
    /// A call that came.
    package struct Call: Sendable {
        package let style: String
        /// The request line and the fields, in lower case.
        package let head: String
        package let body: JSON
    }

    package let port: Int
    private let listener: Socket
    private let seen = Mutex<[Call]>([])
    private let sent = Mutex(0)
    private let down = Mutex(false)

    package init() throws {
        listener = try Socket.listening(port: 0)
        port = listener.port
        let thread = Thread { [weak self, listener] in
            while let client = listener.accepted() {
                guard let self else { return client.close() }
                let conversation = Thread { self.serve(client) }
                conversation.stackSize = 1 << 20
                conversation.start()
            }
        }
        thread.start()
    }

    deinit { listener.cut() }

    package var url: String { "http://127.0.0.1:\(port)" }
    package var calls: [Call] { seen.withLock { $0 } }
    /// Bytes of `large` answers that were taken.
    package var largeBytes: Int { sent.withLock { $0 } }

    /// Whether it answers everything with 500, whatever was ordered.
    package func setDown(_ isDown: Bool) { down.withLock { $0 = isDown } }

    private func serve(_ client: Socket) {
        defer { client.close() }
        guard let call = Self.read(client) else { return }
        seen.withLock { $0.append(call) }
        if down.withLock({ $0 }) { return reply(client, "status", ["500"], call.style) }
        let words = (call.body["messages"]?.array?.last?["content"]?.string ?? "").split(separator: " ")
        let orders = words.filter { $0.hasPrefix("\(call.style)=") }.map { word in
            word.dropFirst(call.style.utf8.count + 1).split(separator: ":").map(String.init)
        }
        for order in orders {
            guard order.first == "wait", let milliseconds = order.last.flatMap({ Double($0) }) else {
                return reply(client, order.first ?? "", Array(order.dropFirst()), call.style)
            }
            Thread.sleep(forTimeInterval: milliseconds / 1_000)
        }
        reply(client, "ok", ["7", "5"], call.style)
    }

    /// One request; nil when it broke off.
    private static func read(_ client: Socket) -> Call? {
        var bytes: [UInt8] = []
        while bytes.firstRange(of: Array("\r\n\r\n".utf8)) == nil {
            guard let piece = client.received() else { return nil }
            bytes += piece
        }
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).lowercased()
        let length = head.firstMatch(of: #/content-length: *(\d+)/#).flatMap { Int($0.output.1) } ?? 0
        while bytes.count < end.upperBound + length {
            guard let piece = client.received() else { return nil }
            bytes += piece
        }
        let body = try? JSON(parsing: Array(bytes[end.upperBound...]))
        let path = head.split(separator: " ").dropFirst().first ?? ""
        let style = path.hasSuffix("/messages") ? "anthropic" : path.hasSuffix("/chat/completions") ? "openai" : "?"
        return Call(style: style, head: head, body: body ?? .null)
    }

    private func reply(_ client: Socket, _ order: String, _ more: [String], _ style: String) {
        switch order {
        case "ok": say(client, Self.answer(style, "the \(style) answer", more.first ?? "7", more.last ?? "5"))
        case "uncounted": say(client, Self.answer(style, "the \(style) answer", nil, nil))
        case "status": say(client, #"{"error":{"message":"no"}}"#, more.first ?? "500")
        case "redirect": say(client, "", "302", "Location: \(url)/v1/messages\r\n")
        case "nonsense": say(client, "<html><body>It works!</body></html>")
        case "empty": say(client, "{}")
        case "silent": say(client, Self.answer(style, "", "7", "0"))
        case "types": say(client, #"{"content":7,"choices":{"message":[]},"usage":"none"}"#)
        case "deep": say(client, String(repeating: "[", count: 200_000))
        case "stream": stream(client, style)
        case "hang": while client.received() != nil {}
        case "cut": return
        case "half":
            let text = Self.answer(style, "the \(style) answer", "7", "5")
            _ = client.send(Self.head("200", 2 * text.utf8.count) + Array(text.utf8))
        case "garbage": _ = client.send(Array("SSH-2.0-OpenSSH_9.2\r\n\u{0}\u{1}".utf8))
        case "head": _ = client.send(Array("HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 4 << 20))".utf8))
        case "drip": drip(client)
        case "large": large(client, style)
        default: say(client, #"{"error":{"message":"no such order"}}"#, "500")
        }
    }

    private func say(_ client: Socket, _ text: String, _ status: String = "200", _ fields: String = "") {
        _ = client.send(Self.head(status, text.utf8.count, fields) + Array(text.utf8))
    }

    private static func head(_ status: String, _ length: Int, _ fields: String = "") -> [UInt8] {
        Array(
            ("HTTP/1.1 \(status) Status\r\nContent-Type: application/json\r\nContent-Length: \(length)\r\n\(fields)"
                + "Connection: close\r\n\r\n").utf8)
    }

    /// - Parameter input: as it is written; nil says nothing of tokens.
    private static func answer(_ style: String, _ text: String, _ input: String?, _ output: String?) -> String {
        let usage: String
        if let input, let output {
            let (first, second) =
                style == "anthropic" ? ("input_tokens", "output_tokens") : ("prompt_tokens", "completion_tokens")
            usage = #","usage":{"\#(first)":\#(input),"\#(second)":\#(output)}"#
        } else {
            usage = ""
        }
        return style == "anthropic"
            ? #"{"type":"message","role":"assistant","content":[{"type":"text","text":"\#(text)"}]\#(usage)}"#
            : #"{"choices":[{"index":0,"message":{"role":"assistant","content":"\#(text)"}}]\#(usage)}"#
    }

    /// As they answer to who asks for a stream.
    private func stream(_ client: Socket, _ style: String) {
        _ = client.send(
            Array("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n".utf8))
        for word in ["the ", style, " stream"] {
            let event =
                style == "anthropic"
                ? #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(word)"}}"#
                : #"{"choices":[{"index":0,"delta":{"content":"\#(word)"}}]}"#
            guard client.send(Array("data: \(event)\n\n".utf8)) else { return }
            Thread.sleep(forTimeInterval: 0.02)
        }
        _ = client.send(Array("data: [DONE]\n\n".utf8))
    }

    /// A byte now and then, for a minute.
    private func drip(_ client: Socket) {
        guard client.send(Self.head("200", 1_000_000)) else { return }
        for _ in 0..<600 {
            guard client.send([UInt8(ascii: " ")]) else { return }
            Thread.sleep(forTimeInterval: 0.1)
        }
    }

    /// 256 MiB of text.
    private func large(_ client: Socket, _ style: String) {
        guard client.send(Self.head("200", 256 << 20)), client.send(Array("{\"content\":\"".utf8)) else { return }
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 16)
        for _ in 0..<4_096 {
            guard client.send(piece) else { return }
            sent.withLock { $0 += piece.count }
        }
    }
}
