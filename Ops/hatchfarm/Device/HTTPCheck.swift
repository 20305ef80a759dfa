internal import AsyncHTTPClient
internal import Bytes
internal import Egress
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// The command `http_check` {url, timeoutMs?}: whether a web server answers, with which status, and how fast.
///
/// Names are resolved here, and the request goes to the address that was checked, so that no customer reaches the
/// device's own network through it. Redirects are not followed.
struct HTTPCheck: Sendable {
    static let timeouts: ClosedRange<Int64> = 100...60_000
    private static let standardTimeout: Int64 = 10_000
    /// Bytes of the body that are read.
    private static let bodyBytes = 64 << 10

    /// Whether this machine and its network may be checked.
    let allowsPrivate: Bool
    var world = World.live

    func run(_ parameters: JSON) async -> CommandOutcome {
        let timeout = parameters["timeoutMs"].map { $0.int ?? -1 } ?? Self.standardTimeout
        guard Self.timeouts.contains(timeout) else { return .failure("timeoutMs must be from 100 to 60000") }
        guard let text = parameters["url"]?.string else { return .failure("the parameter url is missing") }
        do throws(Problem) {
            let target = try Target(text)
            return try await fetch(target, at: checkedAddress(of: target.host), timeout: timeout)
        } catch {
            return .failure(error.message)
        }
    }

    private func fetch(_ target: Target, at address: IPAddress, timeout: Int64) async -> CommandOutcome {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .milliseconds(timeout)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        if case .name(let name) = target.host { configuration.dnsOverride = [name: "\(address)"] }
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let outcome = await get(target, by: http, timeout: timeout)
        try? await http.shutdown()
        return outcome
    }

    private func get(_ target: Target, by http: HTTPClient, timeout: Int64) async -> CommandOutcome {
        var request = HTTPClientRequest(url: target.url)
        request.headers.add(name: "User-Agent", value: Client.version)
        let started = world.monotonic()
        do {
            return try await within(milliseconds: timeout, world) { [request, world] in
                let response = try await http.execute(request, deadline: .now() + .milliseconds(timeout))
                let answered = world.monotonic()
                var bytes = 0
                for try await buffer in response.body {
                    bytes += buffer.readableBytes
                    if bytes >= Self.bodyBytes { break }
                }
                return .success([
                    "status": JSON(Int(response.status.code)), "milliseconds": JSON(answered - started),
                    "bytes": JSON(min(bytes, Self.bodyBytes)), "truncated": .bool(bytes >= Self.bodyBytes),
                ])
            }
        } catch is CancellationError {
            return .stopped
        } catch let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout {
            return CommandOutcome(.timeout, error: "no answer within \(timeout) ms")
        } catch {
            return .failure("\(target.host):\(target.port): \(Client.reason(error))")
        }
    }

    /// The first address, if all are allowed: a name that leads to both kinds is an attack or a mistake.
    private func checkedAddress(of host: EgressHost) async throws(Problem) -> IPAddress {
        let rules = AddressRules(allowsPrivate: allowsPrivate, allowsLoopback: allowsPrivate)
        let addresses: [IPAddress]
        switch host {
        case .address(let address): addresses = [address]
        case .name(let name):
            let resolver = NameResolver.system(rules)
            let found = try? await NIOThreadPool.singleton.runIfActive { resolver.addresses(name) }
            addresses = found ?? []
        }
        let local = LocalNetworks.current()
        for address in addresses {
            guard let kind = rules.blockedKind(of: address, from: local) else { continue }
            throw Problem("\(host) leads to an address that is \(kind.rawValue), which this device doesn't check")
        }
        guard let first = addresses.first else { throw Problem("\(host) could not be resolved") }
        return first
    }
}

extension HTTPCheck {
    /// What is wrong with the parameters, for the customer.
    struct Problem: Error {
        let message: String

        init(_ message: String) { self.message = message }
    }

    /// A URL whose parts are checked, put together again so that nobody reads another host in it.
    struct Target: Sendable {
        let host: EgressHost
        let port: UInt16
        let url: String

        /// Takes `http://host[:port]/path?query` and the same with https.
        init(_ text: String) throws(Problem) {
            guard text.utf8.count <= 2_048, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw Problem("the URL is too long, or has characters that no URL has")
            }
            guard let mark = text.firstRange(of: "://") else { throw Problem("the URL has no scheme") }
            let scheme = text[..<mark.lowerBound].lowercased()
            guard scheme == "http" || scheme == "https" else { throw Problem("the URL must be http or https") }
            let rest = text[mark.upperBound...].prefix { $0 != "#" }
            let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "\\" } ?? rest.endIndex
            let authority = rest[..<end]
            let isBare = authority.hasSuffix("]") || !authority.contains(":")
            let standard = scheme == "https" ? 443 : 80
            do {
                let target = try EgressTarget(
                    authority: isBare ? "\(authority):\(standard)" : String(authority))
                (host, port) = (target.host, target.port)
            } catch {
                throw Problem(error.message)
            }
            let path = rest[end...]
            guard !path.contains("\\") else { throw Problem("the URL has a backslash") }
            url = "\(scheme)://\(host):\(port)\(path.hasPrefix("/") ? "" : "/")\(path)"
        }
    }
}
