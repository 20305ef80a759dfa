internal import AsyncHTTPClient
internal import Bytes

/// Ends a call that takes too long, its body included: a peer that sends a byte now and then outlasts the deadline of
/// the reply's head. Throws `HTTPClientError.deadlineExceeded`.
func within<Reply: Sendable>(
    milliseconds: Int64, _ world: World, _ call: @escaping @Sendable () async throws -> Reply
) async throws -> Reply {
    try await withThrowingTaskGroup(of: Reply.self) { group in
        group.addTask(operation: call)
        group.addTask {
            try await world.sleep(.milliseconds(milliseconds))
            throw HTTPClientError.deadlineExceeded
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw HTTPClientError.deadlineExceeded }
        return first
    }
}
