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
        } catch let error where mayBeOfOne(error) {
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

    private static func mayBeOfOne(_ error: any Error) -> Bool {
        switch error {
        case is InternalError, DatabaseError.conflict, DatabaseError.checkFailed, DatabaseError.failed,
            DatabaseError.invalidText:
            true
        default: false
        }
    }
}
