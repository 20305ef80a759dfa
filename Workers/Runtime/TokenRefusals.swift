internal import Synchronization

/// Notices that the server refuses the machine's token for good: three times in a row, with nothing accepted in
/// between, so that one wrong answer of something on the way ends no daemon.
final class TokenRefusals: Sendable {
    private let count = Mutex(0)
    private let onEnd = Mutex<(@Sendable (String) -> Void)?>(nil)

    private static let enough = 3

    /// `body` is called at most once, with the server's words.
    func whenRefused(_ body: @escaping @Sendable (String) -> Void) {
        onEnd.withLock { $0 = body }
    }

    /// What a call with nothing but the token was answered.
    func note(_ error: ServerError?) {
        switch error {
        case .unauthorized(let message):
            let refusals = count.withLock { count in
                count += 1
                return count
            }
            guard refusals >= Self.enough, let body = onEnd.withLock({ $0.take() }) else { return }
            body(message)
        // No word of the server's.
        case .unreachable, .overloaded: break
        case nil, .lost, .ended, .refused: count.withLock { $0 = 0 }
        }
    }
}
