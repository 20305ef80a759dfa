internal import Domain
internal import Store

extension Batcher {
    /// Serves a whole round together. When one item spoils it for all (the same idempotency key at the same moment in
    /// another process, or a bug of ours that it brings to light), each is served by itself.
    static func serveEach(
        _ round: [Item], _ serve: ([Item]) async throws -> [Result<Answer, any Error>]
    ) async throws -> [Result<Answer, any Error>] {
        do {
            return try await serve(round)
        } catch let error where error.mayBeOfOne {
            var answers: [Result<Answer, any Error>] = []
            for item in round {
                do {
                    answers += try await serve([item])
                } catch {
                    answers.append(.failure(error))
                }
            }
            return answers
        }
    }
}

extension Error {
    /// Whether one item of many may have brought it about: alone, or without it, the others would be served.
    var mayBeOfOne: Bool {
        if self is InternalError { return true }
        return switch self as? DatabaseError {
        case .conflict?, .checkFailed?, .failed?, .invalidText?: true
        default: false
        }
    }
}
