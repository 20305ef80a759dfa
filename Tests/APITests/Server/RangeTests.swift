import Bytes
import Support
import Testing

@Suite("Parts of a file, and files that a caller has already", .timeLimit(.minutes(2)))
struct RangeTests {
    private static let text = Array(Probe.packedText.utf8)
    private static let size = text.count
    private static let tag = "\"\(Probe.packedHash)\""

    @Test("one part is sent as asked, from anywhere in the file, and says where it is from")
    func parts() async throws {
        let size = Self.size
        try await TestServer.run { server async throws in
            for (asked, first, last) in [
                ("bytes=0-0", 0, 0), ("bytes=0-99", 0, 99), ("bytes=1-", 1, size - 1), ("BYTES=7-7", 7, 7),
                ("bytes=65535-65536", 65_535, 65_536), ("bytes=262143-262145", 262_143, 262_145),
                ("bytes=\(size - 1)-", size - 1, size - 1), ("bytes=-1", size - 1, size - 1),
                ("bytes=-\(size)", 0, size - 1), ("bytes=-\(size + 1)", 0, size - 1),
                ("bytes=5-99999999999999999999999", 5, size - 1), ("bytes= 3-4 ", 3, 4),
                ("bytes=-99999999999999999999999", 0, size - 1), ("bytes=0-\(size)", 0, size - 1),
            ] {
                // A part is never packed, whoever asks.
                let reply = try await server.get("/hatch/packed", [("Range", asked), ("Accept-Encoding", "zstd")])
                #expect(reply.status == 206, "\(asked): \(reply.text.prefix(200))")
                #expect(reply.body == Array(Self.text[first...last]), "\(asked)")
                #expect(reply["Content-Range"] == "bytes \(first)-\(last)/\(size)", "\(asked)")
                #expect(reply["Content-Length"] == "\(last - first + 1)")
                #expect(reply["Content-Encoding"] == nil && reply["ETag"] == Self.tag)
            }
        }
    }

    @Test("what can't be read, or asks for several parts, gets the whole; what the file hasn't got is 416")
    func others() async throws {
        try await TestServer.run { server async throws in
            for asked in [
                "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "bytes=2-1", "bytes=--1", "bytes=1--2",
                "bytes=+1-2", "bytes=1-2,4-5", "bytes=,1-2", "lines=1-2", "bytes 1-2", "bytes=0x1-2",
            ] {
                let reply = try await server.get("/hatch/packed", [("Range", asked)])
                #expect(reply.status == 200 && reply.body == Self.text, "\(asked): \(reply.status)")
                #expect(reply["Content-Range"] == nil && reply["Accept-Ranges"] == "bytes")
            }
            let twice = [("Range", "bytes=0-1"), ("Range", "bytes=2-3")]
            #expect(try await server.get("/hatch/packed", twice).body == Self.text)
            for asked in [
                "bytes=\(Self.size)-", "bytes=\(Self.size)-\(Self.size + 1)", "bytes=-0", "bytes=9\(Self.size)-",
            ] {
                let reply = try await server.get("/hatch/packed", [("Range", asked)])
                #expect(reply.status == 416, "\(asked)")
                #expect(reply["Content-Range"] == "bytes */\(Self.size)")
                #expect(reply.text.contains("the file has \(Self.size) bytes"))
            }
            // Only a GET has parts.
            let head = try await server.send(.HEAD, "/hatch/packed", [("Range", "bytes=\(Self.size)-")])
            #expect(head.status == 200 && head["Content-Length"] == "\(Self.size)" && head["ETag"] == Self.tag)
        }
    }

    @Test("If-Range asks for the part of one file only; If-None-Match is answered before")
    func conditions() async throws {
        try await TestServer.run { server async throws in
            let part = ("Range", "bytes=10-19")
            for (known, status) in [
                (Self.tag, 206), ("W/\(Self.tag)", 200), ("\"other\"", 200), (Probe.packedHash, 200), ("*", 200),
                ("Wed, 21 Oct 2015 07:28:00 GMT", 200),
            ] {
                let reply = try await server.get("/hatch/packed", [part, ("If-Range", known)])
                #expect(reply.status == status, "\(known)")
                #expect(reply.body == (status == 206 ? Array(Self.text[10...19]) : Self.text))
            }
            let beyond = [("Range", "bytes=\(Self.size)-"), ("If-Range", "\"other\"")]
            #expect(try await server.get("/hatch/packed", beyond).body == Self.text, "it is another file by now")
            for known in [Self.tag, "W/\(Self.tag)", "*", "\"a\", \(Self.tag)", Probe.packedHash] {
                for more in [[], [part], [("Range", "bytes=\(Self.size)-")], [("Accept-Encoding", "zstd")]] {
                    let reply = try await server.get("/hatch/packed", [("If-None-Match", known)] + more)
                    #expect(reply.status == 304 && reply.body.isEmpty, "\(known) \(more)")
                    #expect(reply["ETag"] == Self.tag && reply["Cache-Control"] == "private, no-cache")
                }
            }
            #expect(try await server.get("/hatch/packed", [("If-None-Match", "\"a\"")]).status == 200)
            // Its bytes may be others when it is stored anew: no part of it can be asked for by this tag.
            let packed = try await server.get("/hatch/packed", [("Accept-Encoding", "zstd")])
            #expect(packed["ETag"] == "W/\(Self.tag)" && packed["Content-Encoding"] == "zstd")
        }
    }
}
