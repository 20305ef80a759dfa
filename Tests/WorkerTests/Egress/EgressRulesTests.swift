@testable import Egress
import Testing

@Suite("What a job may ask for")
struct EgressRulesTests {
    @Test(
        "a host is the same in every spelling",
        arguments: [
            ("Example.ORG", "example.org"), ("example.org.", "example.org"), ("xn--bcher-kva.example", nil),
            ("a_b.example", nil), ("127.1", "127.0.0.1"), ("0x7F.1.", "127.0.0.1"), ("017700000001", "127.0.0.1"),
            ("[::0001]", "[::1]"), ("8.8.8.8.nip.io", nil), ("0x7f.1.example", nil), ("localhost", nil),
        ])
    func hosts(text: String, shown: String?) throws {
        #expect(try EgressHost(text).description == shown ?? text)
    }

    @Test(
        "what is no host is refused in words",
        arguments: [
            "", ".", "..", "a..b", "-a.org", "a-.org", "a b.org", "a\u{0}.org", "a/b", "a\\b", "a%2eb.org", "bücher.de",
            "ｅxample.org", "example。org", "::1", "[::1", "[fe80::1%eth0]", "[1.2.3.4]", "[]", "256.256.256.256",
            "1.2.3.4.5", "08.8.8.8", "4294967296", "1.2.3.0x", "example.123",
            String(repeating: "a", count: 64) + ".org",
            String(repeating: "abcdefg.", count: 32) + "org", "a@b.org", "a:80", "a\r\n.org",
        ])
    func noHosts(text: String) throws {
        let problem = #expect(throws: EgressHost.Problem.self) { try EgressHost(text) }
        #expect(problem?.message.unicodeScalars.contains { $0.value < 0x20 } == false)
    }

    @Test(
        "an entry of the allowlist that can't be meant is refused in words",
        arguments: [
            ("", "host name"), ("https://example.org", "URL"), ("example.org/x", "URL"), ("a@example.org", "user"),
            ("*example.org", "only allowed alone"), ("deb.*.org", "only allowed alone"), ("**", "only allowed alone"),
            ("*.", "host name"),
            ("*.1.2.3.4", "no subdomains"), ("bücher.de", "punycode"), ("example.org:0", "port"),
            ("example.org:65536", "port"), ("example.org:", "port"), ("example.org:+8", "port"), ("::1", "port"),
            ("[fe80::1%eth0]", "zone"),
        ])
    func noPatterns(text: String, hint: String) throws {
        let problem = #expect(throws: EgressHost.Problem.self) { try EgressRules(domains: ["ok.org", text]) }
        #expect(problem?.message.contains(hint) == true, "\(problem?.message ?? "")")
    }

    @Test("too many entries are refused")
    func tooMany() {
        #expect(throws: EgressHost.Problem.self) { try EgressRules(domains: Array(repeating: "*", count: 1_001)) }
    }

    private static let allowed = ["example.org", "*.Debian.org.", "odd.org:8443", "8.8.8.8", "[2606:4700::1]:443"]

    @Test(
        "a name or address is allowed by the entries alone",
        arguments: [
            ("example.org:443", true), ("EXAMPLE.org.:80", true), ("www.example.org:443", false),
            ("example.org.evil.net:443", false), ("notexample.org:443", false), ("debian.org:443", false),
            ("deb.debian.org:80", true), ("a.b.debian.org:443", true), ("xdebian.org:443", false),
            ("odd.org:8443", true), ("odd.org:443", false), ("example.org:8443", false), ("example.org:22", false),
            ("8.8.8.8:443", true), ("134744072:443", true), ("0x8.8.8.8:443", true), ("8.8.4.4:443", false),
            ("[2606:4700:0::1]:443", true), ("[2606:4700::1]:80", false), ("[2606:4700::2]:443", false),
        ])
    func allowlist(authority: String, isAllowed: Bool) throws {
        let rules = try EgressRules(domains: Self.allowed)
        #expect((rules.refusal(of: try EgressTarget(authority: authority)) == nil) == isAllowed)
    }

    @Test("the star is every name and no address")
    func star() throws {
        let rules = try EgressRules(domains: ["*"])
        #expect(rules.refusal(of: try EgressTarget(authority: "anything.at.all:443")) == nil)
        for literal in ["1.1.1.1", "16843009", "0x01.1", "[2606:4700::1]"] {
            let target = try EgressTarget(authority: "\(literal):443")
            #expect(rules.refusal(of: target) == .addressAsHost(target.host))
        }
        let target = try EgressTarget(authority: "a.org:25")
        #expect(rules.refusal(of: target) == .port(target.host, 25))
        #expect(try EgressRules(domains: [String]()).refusal(of: EgressTarget(authority: "a.org:443")) != nil)
    }

    @Test(
        "a URL is split as the server will be asked",
        arguments: [
            ("http://a.org", "a.org", 80, "/"), ("HTTP://A.org:8080/x?y=/z", "a.org", 8_080, "/x?y=/z"),
            ("http://a.org?q", "a.org", 80, "/?q"), ("http://[::1]:81/", "[::1]", 81, "/"),
            ("http://127.1//b", "127.0.0.1", 80, "//b"), ("http://a.org/@b.org", "a.org", 80, "/@b.org"),
            ("http://a.org/http://b.org", "a.org", 80, "/http://b.org"),
        ])
    func urls(url: String, host: String, port: Int, path: String) throws {
        let target = try EgressTarget(url: url)
        #expect("\(target.host)" == host)
        #expect(Int(target.port) == port)
        #expect(target.path == path)
    }

    @Test(
        "a URL that could be read in two ways is refused",
        arguments: [
            "/", "*", "a.org", "https://a.org/", "ftp://a.org/", "http:///x", "http://", "http://a@b.org/",
            "http://a.org:b@c.org/", "http://a.org\\@b.org/", "http://a.org#@b.org/", "http://a.org:80:80/",
            "http://a.org:/", "http://a.org:00000080/", "http://[::1]x/", "http://a.org /", "http://ä.org/",
            "http://a.org/\u{7f}", "http://a%2eorg/", "//a.org/",
        ])
    func noURLs(url: String) {
        #expect(throws: EgressHost.Problem.self) { try EgressTarget(url: url) }
    }

    @Test(
        "CONNECT takes a host and a port",
        arguments: [
            "a.org", "a.org:", ":443", "http://a.org:443", "a.org:443/", "u:p@a.org:443", "a.org:99999", "::1:443",
        ])
    func noAuthorities(text: String) {
        #expect(throws: EgressHost.Problem.self) { try EgressTarget(authority: text) }
    }

    @Test("one address that may not be reached spoils all the others")
    func mixedAnswers() throws {
        let rules = try EgressRules(domains: ["*"])
        let host = try EgressHost("a.org")
        let good = try #require(IPAddress("8.8.8.8"))
        #expect(rules.refusal(of: host, at: [good], from: LocalNetworks()) == nil)
        for text in ["127.0.0.1", "10.1.1.1", "169.254.169.254", "::1", "::ffff:8.8.8.8", "fe80::1"] {
            let bad = try #require(IPAddress(text))
            #expect(rules.refusal(of: host, at: [good, bad], from: LocalNetworks()) != nil)
            #expect(rules.refusal(of: host, at: [bad, good], from: LocalNetworks()) != nil)
        }
        var local = LocalNetworks()
        local.add(good, prefixLength: 24)
        #expect(rules.refusal(of: host, at: [good], from: local) == .address(host, .loopback))
    }
}
