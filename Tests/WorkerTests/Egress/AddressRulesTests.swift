@testable import Egress
import Testing

@Suite("Which addresses a job may reach")
struct AddressRulesTests {
    static let rows: [(String, AddressRules.Kind?)] = [
        ("0.0.0.0", .reserved), ("0.255.255.255", .reserved), ("1.0.0.0", nil), ("1.1.1.1", nil), ("8.8.8.8", nil),
        ("9.255.255.255", nil), ("10.0.0.0", .privateUse), ("10.255.255.255", .privateUse), ("11.0.0.0", nil),
        ("100.63.255.255", nil), ("100.64.0.0", .privateUse), ("100.127.255.255", .privateUse), ("100.128.0.0", nil),
        ("100.100.100.200", .metadata), ("100.100.100.201", .privateUse), ("126.255.255.255", nil),
        ("127.0.0.0", .loopback), ("127.0.0.1", .loopback), ("127.255.255.255", .loopback), ("128.0.0.0", nil),
        ("168.63.129.16", .metadata), ("168.63.129.17", nil), ("169.253.255.255", nil), ("169.254.0.0", .linkLocal),
        ("169.254.169.254", .metadata), ("169.254.170.2", .linkLocal), ("169.254.255.255", .linkLocal),
        ("169.255.0.0", nil), ("172.15.255.255", nil), ("172.16.0.0", .privateUse), ("172.31.255.255", .privateUse),
        ("172.32.0.0", nil), ("191.255.255.255", nil), ("192.0.0.0", .reserved), ("192.0.0.192", .metadata),
        ("192.0.0.255", .reserved), ("192.0.1.0", nil), ("192.0.2.0", .documentation), ("192.0.2.255", .documentation),
        ("192.0.3.0", nil), ("192.88.98.255", nil), ("192.88.99.1", .translation), ("192.88.100.0", nil),
        ("192.167.255.255", nil), ("192.168.0.0", .privateUse), ("192.168.255.255", .privateUse), ("192.169.0.0", nil),
        ("198.17.255.255", nil), ("198.18.0.0", .reserved), ("198.19.255.255", .reserved), ("198.20.0.0", nil),
        ("198.51.99.255", nil), ("198.51.100.9", .documentation), ("198.51.101.0", nil), ("203.0.112.255", nil),
        ("203.0.113.0", .documentation), ("203.0.114.0", nil), ("223.255.255.255", nil), ("224.0.0.1", .multicast),
        ("239.255.255.255", .multicast), ("240.0.0.0", .reserved), ("255.255.255.254", .reserved),
        ("255.255.255.255", .reserved),
        ("::", .reserved), ("::1", .loopback), ("::2", .reserved), ("::7f00:1", .reserved), ("::8.8.8.8", .reserved),
        ("::ffff:127.0.0.1", .translation), ("::ffff:8.8.8.8", .translation), ("::ffff:0:8.8.8.8", .reserved),
        ("64:ff9b::8.8.8.8", nil), ("64:ff9b::10.0.0.1", .privateUse), ("64:ff9b::127.0.0.1", .loopback),
        ("64:ff9b::169.254.169.254", .metadata), ("64:ff9b:1::8.8.8.8", .translation), ("100::1", .reserved),
        ("100:0:0:1::1", .reserved), ("1fff:ffff::1", .reserved), ("2000::1", nil), ("2001::1", .translation),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", .translation), ("2001:2::1", .reserved), ("2001:10::1", .reserved),
        ("2001:1ff::1", .reserved), ("2001:200::1", nil), ("2001:4860:4860::8888", nil), ("2001:db7::1", nil),
        ("2001:db8::1", .documentation), ("2001:db9::1", nil), ("2002:7f00:1::1", .translation),
        ("2002:808:808::1", .translation), ("2003::1", nil), ("2606:4700::1111", nil), ("3ffe::1", nil),
        ("3fff::1", .documentation), ("3fff:1000::1", nil), ("4000::1", .reserved), ("5f00::1", .reserved),
        ("fbff::1", .reserved), ("fc00::1", .privateUse), ("fd00:ec2::254", .metadata),
        ("fd00:ec2::253", .privateUse), ("fd20:ce::254", .metadata), ("fdff:ffff::1", .privateUse),
        ("fe00::1", .reserved), ("fe80::1", .linkLocal), ("febf::1", .linkLocal), ("fec0::1", .privateUse),
        ("feff::1", .privateUse), ("ff02::1", .multicast), ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", .multicast),
    ]

    @Test("each range ends where its registry says", arguments: rows)
    func kinds(text: String, kind: AddressRules.Kind?) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressRules.kind(of: address) == kind)
        #expect(AddressRules().blockedKind(of: address, from: LocalNetworks()) == kind)
    }

    @Test("what the operator opens is private or this machine, never link-local or metadata", arguments: rows)
    func openings(text: String, kind: AddressRules.Kind?) throws {
        let address = try #require(IPAddress(text))
        let home = AddressRules(allowsPrivate: true)
        #expect(home.blockedKind(of: address, from: LocalNetworks()) == (kind == .privateUse ? nil : kind))
        let host = AddressRules(allowsLoopback: true)
        #expect(host.blockedKind(of: address, from: LocalNetworks()) == (kind == .loopback ? nil : kind))
    }

    @Test(
        "an address is the same in every spelling",
        arguments: [
            ("127.1", "127.0.0.1"), ("127.0.1", "127.0.0.1"), ("0x7f.1", "127.0.0.1"), ("0X7F.0.0.1", "127.0.0.1"),
            ("2130706433", "127.0.0.1"), ("017700000001", "127.0.0.1"), ("0177.0.0.1", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"), ("0", "0.0.0.0"), ("010.1", "8.0.0.1"), ("::FFFF:7F00:1", "::ffff:127.0.0.1"),
            ("0:0:0:0:0:0:0:1", "::1"), ("2001:DB8::0", "2001:db8::"),
        ])
    func spellings(text: String, meant: String) {
        #expect(IPAddress(text) != nil)
        #expect(IPAddress(text) == IPAddress(meant))
        #expect(IPAddress(text)?.description == meant)
    }

    @Test(
        "what is no address is none",
        arguments: [
            "", ".", "256.1.1.1", "1.2.3.4.5", "4294967296", "08.1.1.1", "1.2.3.4 ", "1.2.3.4 x", "1.2.3.4\u{0}",
            "fe80::1%eth0", "[::1]", "::g", "1::2::3", "example.org", "１.1.1.1", "1.2.3.-4", "1..2",
        ])
    func noAddresses(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(
        "the machine and the network it stands in are out of reach, also where they are public",
        arguments: [
            ("2a02:8071:1:2::5", .loopback), ("2a02:8071:1:2::6", .localNetwork), ("2a02:8071:1:7f::1", .localNetwork),
            ("2a02:8071:1:100::1", nil), ("81.2.69.10", .loopback), ("81.2.69.63", .localNetwork), ("81.2.69.64", nil),
            ("192.168.7.1", .privateUse), ("fe80::2", .linkLocal), ("169.254.169.254", .metadata),
            ("64:ff9b::81.2.69.10", .loopback), ("64:ff9b::81.2.69.11", .localNetwork), ("5.5.5.5", nil),
            ("9.9.9.9", .loopback),
        ] as [(String, AddressRules.Kind?)])
    func localNetworks(text: String, kind: AddressRules.Kind?) throws {
        var local = LocalNetworks()
        let own = [
            ("2a02:8071:1:2::5", 64), ("81.2.69.10", 26), ("192.168.7.2", 24), ("fe80::1", 64), ("169.254.1.1", 16),
            ("9.9.9.9", 0),
        ]
        for (text, length) in own { local.add(try #require(IPAddress(text)), prefixLength: length) }
        let address = try #require(IPAddress(text))
        #expect(AddressRules().blockedKind(of: address, from: local) == kind)
        let home = AddressRules(allowsPrivate: true).blockedKind(of: address, from: local)
        #expect(home == (kind == .localNetwork || kind == .privateUse ? nil : kind))
        let host = AddressRules(allowsLoopback: true).blockedKind(of: address, from: local)
        #expect(host == (kind == .loopback ? nil : kind))
    }

    @Test("the machine's interfaces are known with their networks")
    func interfaces() throws {
        let local = LocalNetworks.current()
        #expect(local.kind(of: try #require(IPAddress("127.0.0.1"))) == .loopback)
        #expect(local.kind(of: try #require(IPAddress("127.1.2.3"))) == .localNetwork)
        #expect(local.kind(of: try #require(IPAddress("8.8.8.8"))) == nil)
    }
}
