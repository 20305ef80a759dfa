import Bytes
import Glibc
@testable import Sandbox
@testable import Support
import Testing

/// Ways out by the network.
private func perl(_ family: Int, _ type: Int, _ proto: Int = 0) -> String {
    "perl -e 'socket(my $s, \(family), \(type), \(proto)) and print \"escaped\\n\"'; true"
}

private func connect(_ address: String, _ port: Int) -> String {
    "perl -e 'use IO::Socket::INET; IO::Socket::INET->new(PeerAddr => \"\(address):\(port)\", Timeout => 2) "
        + "and print \"escaped\\n\"'; true"
}

private let attempts: [Attempt] = [
    Attempt("connects to the neighbourhood", connect("192.168.1.1", 80)),
    Attempt("connects to the clouds' metadata", connect("169.254.169.254", 80)),
    Attempt("connects to the world", connect("1.1.1.1", 443)),
    Attempt(
        "asks a name server",
        "perl -e 'use IO::Socket::INET; my $s = IO::Socket::INET->new(PeerAddr => \"8.8.8.8:53\", Proto => \"udp\"); "
            + "print \"escaped\\n\" if $s && $s->send(\"x\")'; true"),
    Attempt("resolves a name", "getent hosts example.com >/dev/null 2>&1 && echo escaped; true"),
    Attempt(
        "broadcasts",
        "perl -e 'use Socket; socket(my $s, AF_INET, SOCK_DGRAM, 0); setsockopt($s, SOL_SOCKET, SO_BROADCAST, 1); "
            + "print \"escaped\\n\" if send($s, \"x\", 0, sockaddr_in(9, INADDR_BROADCAST))'; true"),
    Attempt("sends raw packets", perl(2, 3, 1)),
    Attempt("opens a packet socket", perl(17, 3, 768)),
    Attempt("talks to the kernel by netlink", outside: true, perl(16, 3)),
    Attempt("talks to the hypervisor by vsock", perl(40, 1)),
    Attempt("uses the kernel's ciphers", perl(38, 5)),
    Attempt(
        "finds an interface that leads out", outside: true,
        "grep -vE 'lo:|Inter|face' /proc/net/dev | grep -q . && echo escaped; true"),
    Attempt("finds a route", outside: true, "[ $(wc -l < /proc/net/route) -gt 1 ] && echo escaped; true"),
    Attempt("makes itself an interface", "ip link add x type dummy 2>/dev/null && echo escaped; true"),
]

@Suite("Escapes by the network", .timeLimit(.minutes(2)))
struct NetworkEscapes {
    @Test("a job can't do it by the network", arguments: attempts)
    func attempt(_ attempt: Attempt) async throws {
        let yard = try await Yard()
        try await yard.expectContained(attempt)
    }

    @Test("a service of the machine itself can't be reached, nor one by an abstract name")
    func localServices() async throws {
        let yard = try await Yard()
        let host = try Socket.listening(port: 0)
        defer { host.close() }
        try await yard.expectContained(
            Attempt("connects to the machine itself", outside: true, connect("127.0.0.1", Int(host.port))))
        let name = "hatchfarm-test-\(mark)"
        let listener = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.dropFirst().copyBytes(from: Array(name.utf8)) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + 1 + name.utf8.count)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, length) }
        }
        #expect(bound == 0 && listen(listener, 8) == 0)
        try await yard.expectContained(
            Attempt(
                "connects to an abstract socket", outside: true,
                "perl -e 'use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); "
                    + "connect($s, pack(\"Sa*\", AF_UNIX, \"\\0\(name)\")) and print \"escaped\\n\"'; true"))
    }

    @Test("a job with a proxy reaches it at its own port 3128, and nothing else")
    func proxy() async throws {
        let yard = try await Yard()
        let path = Scratch.path("proxy.sock")
        // For one caller, and not for ever.
        let words = ["20", "socat", "UNIX-LISTEN:\(path),mode=666", "SYSTEM:echo hello from the proxy"]
        let serving = Task { try? await Tool.run("/usr/bin/timeout", words) }
        try await eventually("it listens") { access(path, F_OK) == 0 }
        let said = try await yard.run(
            script: """
                echo $http_proxy $HTTPS_PROXY
                bash -c 'cat < /dev/tcp/127.0.0.1/3128'
                bash -c 'cat < /dev/tcp/1.1.1.1/80' 2>/dev/null && echo escaped
                cat /proc/net/tcp | wc -l
                """, proxySocket: path)
        #expect(
            said.log.hasPrefix("http://127.0.0.1:3128 http://127.0.0.1:3128\nhello from the proxy\n"), "\(said.log)")
        #expect(!said.log.contains("escaped"))
        _ = await serving.value
    }
}
