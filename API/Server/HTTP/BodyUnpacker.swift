package import Bytes
internal import HTTPTypes

/// Undoes a `Content-Encoding` piece by piece. For one task at a time.
package struct BodyUnpacker {
    /// Nil leaves all as it is.
    private let stream: ZstdDecompressor?
    private let limit: Int

    /// `limit` in unpacked bytes; of what isn't packed the caller counts. Throws 415 for a coding that isn't ours.
    package init(coding: String?, limit: Int) throws {
        self.limit = limit
        switch coding?.lowercased() {
        case nil, "identity": stream = nil
        // The limit is the guard: what squeezes well is no attack below it.
        case "zstd": stream = try ZstdDecompressor(limit: limit, ratio: .max)
        default: throw Problem.unsupportedMedia("Content-Encoding must be zstd or absent")
        }
    }

    /// All that these bytes yield. Throws 413 over the limit, 400 for damaged ones.
    package func update(_ bytes: [UInt8]) throws(Problem) -> [UInt8] {
        guard let stream else { return bytes }
        do { return try stream.update(bytes) } catch { throw Self.problem(error, limit: limit) }
    }

    /// Throws 400 unless the end is one.
    package func finish() throws(Problem) {
        do { try stream?.finish() } catch { throw Self.problem(error, limit: limit) }
    }

    /// Why packed content was refused; `limit` in unpacked bytes.
    package static func problem(_ error: ZstdError, limit: Int) -> Problem {
        error == .tooLarge
            ? .tooLarge(limit: limit) : Problem(.badRequest, "corrupt_body", "the body is no whole zstd frame")
    }
}
