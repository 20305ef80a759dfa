internal import AsyncHTTPClient
internal import Bytes
internal import NIOCore
internal import NIOHTTP1

extension Client {
    /// The most bytes of a file that are taken (`Ops/limits.md`).
    static let fileLimit = 64 << 20
    /// How often a connection may break without a byte having come, and how long each time to wait, in milliseconds.
    private static let fruitlessTries = 6
    private static let pause: Int64 = 250

    /// A file, whole and as it was stored: when the connection breaks it goes on where it was, as long as the server
    /// has the same file, and what came has to have the hash that the server's tag names. Throws `.unexpected` when it
    /// hasn't, `.unreachable` when the connection breaks again and again.
    func download(_ path: String) async throws -> [UInt8] {
        var file = PartialFile()
        var fruitless = 0
        while true {
            let before = file.bytes.count
            do {
                try await read(path, into: &file)
                break
            } catch Failure.unreachable(let reason) where file.tag != nil {
                fruitless = file.bytes.count > before ? 0 : fruitless + 1
                guard fruitless < Self.fruitlessTries else { throw Failure.unreachable(reason) }
                try await World.live.sleep(.milliseconds(Self.pause << fruitless))
            }
        }
        let hash = SHA256.hex(file.bytes)
        if let known = file.hash, known != hash {
            throw Failure.unexpected(
                "GET \(path): what came has the SHA-256 \(hash), not the file's \(known); nothing was kept, try again")
        }
        return file.bytes
    }

    /// Asks for what isn't there yet. Throws `.unreachable` when not all of it comes.
    private func read(_ path: String, into file: inout PartialFile) async throws {
        let response = try await send(.GET, path, headers: file.request)
        guard file.takes(response) else {
            throw Failure.unexpected("GET \(path): the response is another part of the file than was asked for")
        }
        do {
            for try await buffer in response.body {
                guard buffer.readableBytes <= Self.fileLimit - file.bytes.count else {
                    throw Failure.unexpected("the response is larger than \(Text.size(Self.fileLimit))")
                }
                file.bytes += buffer.readableBytesView
            }
        } catch let error as Failure {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            throw Failure.unreachable("lost the connection to \(credentials.server): \(Self.reason(error))")
        }
    }
}

/// What there is of a file so far.
private struct PartialFile {
    var bytes: [UInt8] = []
    /// As the server names the file; nil before its first answer.
    private(set) var tag: String?

    /// SHA-256 hex that the content has to have; nil when the server's tag is no hash.
    var hash: String? {
        guard let tag, tag.utf8.count == 66, tag.first == "\"", tag.last == "\"" else { return nil }
        let hash = String(tag.dropFirst().dropLast())
        return Hex.isHex(hash, lengths: 64...64) ? hash.lowercased() : nil
    }

    /// A weak tag names no bytes: then all of them are asked for again.
    var request: [(String, String)] {
        guard let tag, tag.first == "\"", !bytes.isEmpty else { return [] }
        return [("Range", "bytes=\(bytes.count)-"), ("If-Range", tag)]
    }

    /// Prepares for the response's body: the rest, or the whole from its beginning. False when it is neither.
    mutating func takes(_ response: HTTPClientResponse) -> Bool {
        if response.status == .partialContent {
            let place = response.headers.first(name: "Content-Range") ?? ""
            return !bytes.isEmpty && place.hasPrefix("bytes \(bytes.count)-")
                && response.headers.first(name: "ETag") == tag
        }
        bytes = []
        tag = response.headers.first(name: "ETag") ?? ""
        return true
    }
}
