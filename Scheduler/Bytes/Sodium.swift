internal import CSodium

enum Sodium {
    /// Touched before every use of the library; the runtime makes it once.
    static let ready: Void = {
        // The first secret, at the start, needs it; without chance nothing is safe to serve.
        precondition(sodium_init() >= 0, "libsodium found no source of randomness")
    }()
}

/// From the kernel's generator. A count below one is no bytes.
package func randomBytes(_ count: Int) -> [UInt8] {
    Sodium.ready
    guard count > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        guard let start = buffer.baseAddress else { return }
        randombytes_buf(start, count)
        filled = count
    }
}

/// Takes as long for a near miss as for a wild guess. Lengths are no secret.
package func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    Sodium.ready
    return left.count == right.count && sodium_memcmp(left, right, left.count) == 0
}

/// As over bytes; text of secrets must be compared with this and never with `==`.
package func constantTimeEqual(_ left: String, _ right: String) -> Bool {
    constantTimeEqual(Array(left.utf8), Array(right.utf8))
}
