internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Looks up a name's addresses. May block: it is called on threads kept for that.
package struct NameResolver: Sendable {
    /// All addresses of a name in lower case, best first; none when there is no such name.
    package let addresses: @Sendable (_ name: String) -> [IPAddress]

    package init(_ addresses: @escaping @Sendable (_ name: String) -> [IPAddress]) {
        self.addresses = addresses
    }

    /// The machine's own, asked for the very name: neither the search list of `resolv.conf` nor `/etc/hosts` gives a
    /// stranger the provider's names. Where private addresses are allowed, these are wanted, and used.
    package static func system(_ rules: AddressRules) -> NameResolver {
        NameResolver { lookUp(rules.allowsPrivate || rules.allowsLoopback ? $0 : "\($0).") }
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

/// Keeps one job's lookups few: the others wait their turn, and so does no other job. Bound to its event loop.
final class LookupQueue {
    private static let atOnce = 2
    /// Of all jobs. What the system's resolver does can't be cut short, so its threads are counted.
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

    /// Calls `then` with what came out, on the loop. `isWanted` is asked before the lookup begins.
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
        while running < Self.atOnce, let next = waiting.popFirst() { next() }
    }
}
