internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Resolves host names. May block: it is called on a dedicated thread pool.
package struct NameResolver: Sendable {
    /// All addresses of a lowercase name, best first; none if it doesn't exist.
    package let addresses: @Sendable (_ name: String) -> [IPAddress]

    package init(_ addresses: @escaping @Sendable (_ name: String) -> [IPAddress]) {
        self.addresses = addresses
    }

    /// The system resolver, for fully qualified names only: jobs can't look up the provider's names through the search
    /// list of `resolv.conf` or `/etc/hosts`. Where private addresses are allowed, both are used.
    package static func system(_ rules: AddressRules) -> NameResolver {
        NameResolver { lookUp(rules.allowsPrivate || rules.allowsLoopback ? $0 : "\($0).") }
    }

    /// Whether this machine can resolve a name; on a thread that may block.
    package static func knows(_ name: String) async -> Bool {
        let resolved = try? await NIOThreadPool.singleton.runIfActive { !lookUp(name).isEmpty }
        return resolved ?? false
    }

    private static func lookUp(_ name: String) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        return sequence(first: list) { $0?.pointee.ai_next }.prefix { $0 != nil }
            .compactMap { $0?.pointee.ai_addr.flatMap { IPAddress($0) } }
    }
}

/// Limits one job's concurrent lookups; the others are queued, without delaying other jobs. Bound to its event loop.
final class LookupQueue {
    private static let maxConcurrent = 2
    /// Shared by all jobs. The system's resolver can't be cancelled, so its threads are limited.
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 16)
        pool.start()
        return pool
    }()

    private let resolver: NameResolver
    private let loop: any EventLoop
    private var running = 0
    private var waiting: CircularBuffer<() -> Void> = []

    init(_ resolver: NameResolver, on loop: any EventLoop) {
        self.resolver = resolver
        self.loop = loop
    }

    /// Calls `then` with the result, on the loop. `isWanted` is checked before the lookup begins.
    func lookUp(
        _ name: String, isWanted: @escaping () -> Bool, then: @escaping ([IPAddress]) -> Void
    ) {
        waiting.append { [self] in
            guard isWanted() else { return }
            running += 1
            let resolver = resolver
            Self.threads.runIfActive(eventLoop: loop) { resolver.addresses(name) }.assumeIsolated().whenComplete {
                self.running -= 1
                then((try? $0.get()) ?? [])
                self.runNext()
            }
        }
        runNext()
    }

    private func runNext() {
        while running < Self.maxConcurrent, let next = waiting.popFirst() { next() }
    }
}
