import Bytes
import Support
import Testing

@testable import hatchfarm

@Suite("What devices and fleets make of what others say")
struct DeviceTextTests {
    @Test(
        "a checked URL is put together from its parts",
        arguments: [
            ("http://Example.org", "http://example.org:80/"),
            ("https://example.org/a?b#c", "https://example.org:443/a?b"),
            ("http://example.org:8080?x", "http://example.org:8080/?x"), ("HTTP://127.1/", "http://127.0.0.1:80/"),
            ("http://[::1]:81/x", "http://[::1]:81/x"),
        ] as [(String, String)])
    func targets(text: String, url: String) throws {
        #expect(try HTTPCheck.Target(text).url == url)
    }

    @Test(
        "no other URL is checked",
        arguments: [
            "", "example.org", "file:///etc/passwd", "ftp://example.org/", "http://a@example.org/",
            "http://example.org:0/",
            "http://example.org:99999/", "http://exa mple.org/", "http://example.org\\@evil.example/", "http://",
            "http://[::1/", "http://example.org/\u{7F}", "http://ex\u{E4}mple.org/",
        ])
    func badTargets(text: String) {
        #expect(throws: HTTPCheck.Problem.self) { try HTTPCheck.Target(text) }
    }

    @Test(
        "this machine and private networks are not checked",
        arguments: [
            "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://10.0.0.1/", "http://192.168.1.1/",
            "http://169.254.169.254/", "http://0x7f000001/", "http://[::ffff:127.0.0.1]/",
        ])
    func privateTargets(url: String) async {
        let outcome = await HTTPCheck(allowsPrivate: false).run(["url": .string(url), "timeoutMs": 500])
        #expect(outcome.status == .failure && outcome.output == nil, "\(outcome)")
        let isRefused = outcome.error?.contains("which this device doesn't check") ?? false
        #expect(isRefused || url.contains("localhost"), "\(outcome)")
    }

    @Test("a metadata service is never checked")
    func metadata() async {
        let outcome = await HTTPCheck(allowsPrivate: true).run(["url": "http://169.254.169.254/", "timeoutMs": 500])
        #expect(outcome.error?.contains("a metadata service") == true, "\(outcome)")
    }

    @Test("parameters that make no sense are the customer's fault")
    func parameters() async {
        let wrong: [JSON] = [[:], ["url": 1], ["url": "http://a.example/", "timeoutMs": 1], [], .null]
        for parameters in wrong {
            #expect(await HTTPCheck(allowsPrivate: false).run(parameters).status == .failure)
        }
        let runner = CommandRunner(check: HTTPCheck(allowsPrivate: false), scripts: nil)
        let command: JSON = ["id": "1", "type": "run_script", "claimToken": "t", "parameters": ["name": "x"]]
        let received = ReceivedCommand(command)
        #expect(received != nil && ReceivedCommand(["id": "1"]) == nil && ReceivedCommand([]) == nil)
        if let received { #expect(await runner.run(received).error?.contains("--allow-script") == true) }
    }

    @Test("what a device says fits what the server takes")
    func lengths() {
        let long = String(repeating: "é", count: 20_000)
        let outcome = CommandOutcome(.failure, output: long, error: long)
        #expect(outcome.output?.unicodeScalars.count == 10_000 && outcome.error?.unicodeScalars.count == 5_000)
    }

    @Test("text from outside makes no line and moves no cursor")
    func hostile() {
        let command: JSON = [
            "id": "1", "type": "ping\u{1B}[2J\nroot#", "status": "failed",
            "result": ["error": "\u{202E}evil\n\u{7}", "duration": -5],
        ]
        let update = FleetText.update(["type": "command_update", "data": ["command": command]], position: 7)
        #expect(update == "7 command 1 ping[2Jroot# failed: evil")
        let status: JSON = ["type": "device_status", "data": ["status": "online\r\n"], "position": 8]
        #expect(FleetText.update(status, position: 8) == "8 device_status online")
        let lines = FleetText.table([["id": "a\u{1B}c", "name": ["n": 1]]]).lines
        #expect(lines.count == 2 && lines[1].hasPrefix("ac ") && lines[1].hasSuffix(#"{"n":1}"#), "\(lines)")
    }

    @Test("where a server's URL leads")
    func addresses() throws {
        let plain = try ServerAddress("http://127.0.0.1:8080")
        #expect(!plain.isSecure && plain.name == "127.0.0.1" && plain.port == 8_080 && plain.prefix.isEmpty)
        #expect(plain.authority == "127.0.0.1:8080" && plain.certificateName == nil)
        let proxied = try ServerAddress("https://Farm.example/base/")
        #expect(proxied.isSecure && proxied.authority == "farm.example" && proxied.prefix == "/base")
        #expect(proxied.certificateName == "farm.example" && proxied.port == 443)
        #expect(try ServerAddress("http://[::1]:1/").name == "::1")
        for url in ["farm.example", "ws://farm.example", "http://", "http://a:b@farm.example", "http://farm.example:x"]
        {
            #expect(throws: Failure.self) { try ServerAddress(url) }
        }
    }

    @Test("the time before a new attempt grows to half a minute, and is any below")
    func jitter() {
        var jitter = FullJitter()
        let bounds: [Int64] = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
        for bound in bounds { #expect((0...bound).contains(jitter.next(in: .live))) }
        jitter.reset()
        #expect((0...1_000).contains(jitter.next(in: .live)))
        let waits = Set((0..<50).map { _ in FullJitter.first(in: .live) })
        #expect(waits.count > 10)
    }
}

extension FullJitter {
    fileprivate static func first(in world: World) -> Int64 {
        var jitter = FullJitter()
        return jitter.next(in: world)
    }
}
