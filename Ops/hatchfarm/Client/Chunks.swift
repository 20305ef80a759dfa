internal import NIOCore

/// A request body, sent in chunks.
struct Chunks: AsyncSequence, Sendable {
    private static let size = 64 << 10

    let bytes: [UInt8]
    /// Receives the number of bytes sent so far.
    let progress: @Sendable (Int) -> Void

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var rest: ArraySlice<UInt8>
        fileprivate let progress: @Sendable (Int) -> Void

        mutating func next() async throws -> ByteBuffer? {
            guard !rest.isEmpty else { return nil }
            let piece = rest.prefix(Chunks.size)
            rest = rest.dropFirst(Chunks.size)
            progress(rest.startIndex)
            return ByteBuffer(bytes: piece)
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(rest: bytes[...], progress: progress)
    }
}
