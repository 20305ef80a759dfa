import API
import Bytes
import Engine
import Store
import Support
import Testing

@Suite("Files that come in pieces", .timeLimit(.minutes(2)))
struct ArtifactUploadTests {
    /// 300,000 bytes that don't squeeze to nothing.
    private static let text = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
    private static let zstd = [("Content-Encoding", "zstd")]

    /// Sends the part of `bytes` between two offsets.
    private func send(
        _ plane: ControlPlane, _ held: Held, _ bytes: [UInt8], _ part: Range<Int>, path: String = "out/file",
        _ headers: [(String, String)] = [], token: String? = nil, by other: Worker? = nil
    ) async throws -> PlaneReply {
        let range = ("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(bytes.count)")
        return try await plane.keep(held, path, Array(bytes[part]), [range] + headers, token: token, by: other)
    }

    private func offset(_ plane: ControlPlane, _ held: Held, path: String = "out/file") async throws -> String? {
        let headers = held.worker.caller.headers + [("X-Claim-Token", held.token)]
        let reply = try await plane.send("HEAD", "\(held.path)/artifacts/\(path)", headers)
        #expect(reply.body.isEmpty)
        return reply.status == 200 ? reply["Upload-Offset"] : "\(reply.status)"
    }

    private func content(_ plane: ControlPlane, _ job: String, path: String = "out/file") async throws -> [UInt8]? {
        let reply = try await plane.send("GET", "/jobs/\(job)/artifacts/\(path)", Caller.alice.headers)
        return reply.status == 200 ? reply.body : nil
    }

    private func rows(_ plane: ControlPlane) async throws -> [Int64] {
        try await plane.dependencies.database.read { tx in
            let uploads = try tx.first("SELECT COUNT(*) FROM partial_uploads") { try $0.integer() }
            let chunks = try tx.first("SELECT COUNT(*) FROM partial_chunks") { try $0.integer() }
            return [uploads ?? 0, chunks ?? 0]
        }
    }

    @Test("are cut in the middle and go on where they were", arguments: TestDatabase.all)
    func resumed(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let held = try await plane.held(by: plane.worker())
            let packed = try Zstd.compress(Self.text)
            let digest = [("X-Content-SHA256", SHA256.hex(Self.text))]
            for (path, bytes, headers) in [("out/file", Self.text, digest), ("packed", packed, Self.zstd + digest)] {
                #expect(try await offset(plane, held, path: path) == "0")
                let cut = bytes.count / 3
                let first = try await send(plane, held, bytes, 0..<cut, path: path, headers)
                #expect((first.status, first["Upload-Offset"]) == (202, "\(cut)"))
                #expect(first.data == ["offset": JSON(cut)])
                #expect(try await content(plane, held.job, path: path) == nil, "half a file is none")
                #expect(try await offset(plane, held, path: path) == "\(cut)")
                let again = try await send(plane, held, bytes, 0..<cut, path: path, headers)
                #expect((again.outcome, again["Upload-Offset"]) == ("409 upload_offset", "\(cut)"))
                #expect(try await send(plane, held, bytes, cut..<(2 * cut), path: path, headers).status == 202)
                let last = try await send(plane, held, bytes, (2 * cut)..<bytes.count, path: path, headers)
                #expect(last.status == 200, "\(last.text)")
                #expect(last.data["sha256"]?.string == SHA256.hex(Self.text))
                #expect(last.data["size"] == JSON(Self.text.count))
                #expect(try await content(plane, held.job, path: path) == Self.text)
                #expect(try await offset(plane, held, path: path) == "\(bytes.count)")
                let repeated = try await send(plane, held, bytes, (2 * cut)..<bytes.count, path: path, headers)
                #expect((repeated.status, repeated.data) == (200, last.data), "its answer may have been lost")
            }
            #expect(try await rows(plane) == [2, 0], "what is stored needs no pieces any more")
            let other = Array(Self.text.reversed())
            #expect(try await send(plane, held, other, 0..<100).status == 202, "a stored file may be replaced")
            #expect(try await content(plane, held.job) == Self.text, "but not by half of another")
            #expect(try await send(plane, held, other, 100..<other.count).status == 200)
            #expect(try await content(plane, held.job) == other)
            #expect(try await send(plane, held, [7], 0..<1, path: "small").data["size"] == 1)
            #expect(try await send(plane, held, [7], 0..<1, path: "small").data["size"] == 1)
        }
    }

    @Test("begin where they stand and nowhere else", arguments: TestDatabase.all)
    func offsets(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let held = try await plane.held(by: plane.worker())
            for part in [100..<200, 200..<Self.text.count] {
                let reply = try await send(plane, held, Self.text, part)
                #expect((reply.outcome, reply["Upload-Offset"]) == ("409 upload_offset", "0"))
            }
            #expect(try await send(plane, held, Self.text, 0..<100).status == 202)
            for part in [0..<100, 50..<150, 101..<200, 99..<Self.text.count] {
                let reply = try await send(plane, held, Self.text, part)
                #expect((reply.outcome, reply["Upload-Offset"]) == ("409 upload_offset", "100"))
            }
            #expect(try await offset(plane, held) == "100")
            #expect(try await send(plane, held, Self.text + [1], 100..<200).outcome == "400 invalid_field")
            #expect(try await send(plane, held, Self.text, 100..<200, Self.zstd).outcome == "400 invalid_field")
            #expect(try await plane.keep(held, "out/file", [1, 2, 3]).status == 200, "a whole one takes its place")
            #expect(try await rows(plane) == [0, 0])
            #expect(try await send(plane, held, Self.text, 100..<200).outcome == "409 upload_offset")
            #expect(try await content(plane, held.job) == [1, 2, 3])
        }
    }

    @Test("say what they are in a form that can be read", arguments: TestDatabase.all)
    func malformed(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, .set(\.artifactLimit, 200_000), .set(\.bodyLimit, 50_000)) { plane in
            let held = try await plane.held(by: plane.worker())
            for range in [
                "", "0-1/2", "bytes 0-1", "bytes 0-1/*", "bytes */2", "bytes 1-0/2", "bytes 0-2/2", "bytes -1/2",
                "bytes 0-1/2/3", "bytes 0-1-2/3", "bytes +0-1/2", "bytes 0-1/99999999999999999999", "bytes 0 - 1/2",
                "bytes 0-9007199254740992/9007199254740993", "items 0-1/2", "bytes 0-0/2", "bytes 0-2/3",
            ] {
                let reply = try await plane.keep(held, "a", [1, 2], [("Content-Range", range)])
                #expect(reply.outcome == "400 invalid_field", "\(range): \(reply.text)")
            }
            for (headers, outcome) in [
                ([("Content-Encoding", "gzip")], "415 unsupported_media_type"),
                ([("X-Content-SHA256", "abc")], "400 invalid_field"),
            ] {
                #expect(try await send(plane, held, [1, 2], 0..<1, path: "a", headers).outcome == outcome)
            }
            let large = [UInt8](repeating: 1, count: 200_001)
            #expect(try await send(plane, held, large, 0..<10).status == 413, "the whole would be too large")
            #expect(try await send(plane, held, Array(large.dropLast()), 0..<50_001).status == 413, "the piece is")
            #expect(try await send(plane, held, [1, 2], 0..<1, path: "a/../b").outcome == "400 invalid_field")
            #expect(try await offset(plane, held, path: "a") == "0")
            #expect(try await rows(plane) == [0, 0])
        }
    }

    @Test("that turn out to be no such file are gone, and may begin again", arguments: TestDatabase.all)
    func corrupt(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, .set(\.artifactLimit, 400_000)) { plane in
            let held = try await plane.held(by: plane.worker())
            let packed = try Zstd.compress(Self.text)
            var flipped = packed
            flipped[50] ^= 0x55
            flipped[51] ^= 0x55
            let bomb = try Zstd.compress([UInt8](repeating: 0, count: 50_000_000))
            let wrong = [("X-Content-SHA256", SHA256.hex("another"))]
            for (bytes, headers, outcome) in [
                (Self.text, Self.zstd, "400 corrupt_body"), (packed.dropLast() + [], Self.zstd, "400 corrupt_body"),
                (bomb, Self.zstd, "413 body_too_large"), (Self.text, wrong, "400 wrong_digest"),
                (packed, Self.zstd + wrong, "400 wrong_digest"), (flipped, Self.zstd, nil),
            ] as [([UInt8], [(String, String)], String?)] {
                #expect(try await send(plane, held, bytes, 0..<100, headers).status == 202)
                let digest = outcome == nil ? [("X-Content-SHA256", SHA256.hex(Self.text))] : []
                let reply = try await send(plane, held, bytes, 100..<bytes.count, headers + digest)
                if let outcome { #expect(reply.outcome == outcome, "\(reply.text)") }
                #expect((400..<500).contains(reply.status))
                #expect(reply["Upload-Offset"] == "0")
                #expect(try await offset(plane, held) == "0")
                #expect(try await content(plane, held.job) == nil)
                #expect(try await rows(plane) == [0, 0])
            }
            #expect(try await send(plane, held, packed, 0..<100, Self.zstd).status == 202)
            #expect(try await send(plane, held, packed, 100..<packed.count, Self.zstd).status == 200)
            #expect(try await content(plane, held.job) == Self.text)
        }
    }

    @Test("are the current lease's, and go with it", arguments: TestDatabase.all)
    func leases(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (worker, sibling) = (try await plane.worker(), try await plane.worker())
            let held = try await plane.held(by: worker)
            #expect(try await send(plane, held, Self.text, 0..<100).status == 202)
            for (token, other) in [(nil, sibling), ("x", worker)] as [(String?, Worker)] {
                let reply = try await send(plane, held, Self.text, 100..<200, token: token, by: other)
                #expect(reply.outcome == "403 lease_lost")
            }
            #expect(try await offset(plane, held) == "100")
            #expect(try await plane.report(held, "release").status == 200)
            #expect(try await offset(plane, held) == "403")
            try await plane.tick()
            let next = try #require(try await plane.claim(sibling).first)
            #expect(try await offset(plane, next) == "0", "another lease's pieces don't count")
            #expect(try await send(plane, next, Self.text, 100..<200).outcome == "409 upload_offset")
            #expect(try await send(plane, held, Self.text, 100..<Self.text.count).outcome == "403 lease_lost")
            #expect(try await send(plane, next, Self.text, 0..<50).status == 202)
            #expect(try await rows(plane) == [2, 2])
            _ = try await Pruner(plane.dependencies.database).round()
            #expect(try await rows(plane) == [1, 1], "those of the lease that is over")
            #expect(try await offset(plane, next) == "50")
            try await plane.finish(next)
            #expect(try await offset(plane, next) == "409")
            #expect(try await send(plane, next, Self.text, 50..<60).outcome == "409 job_ended")
            _ = try await Pruner(plane.dependencies.database).round()
            #expect(try await rows(plane) == [0, 0])
            #expect(try await content(plane, held.job) == nil)
        }
    }

    @Test("are pruned after a day, whatever their lease", arguments: TestDatabase.all)
    func old(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let held = try await plane.held(by: plane.worker())
            #expect(try await send(plane, held, Self.text, 0..<100).status == 202)
            _ = try await Pruner(plane.dependencies.database).round()
            #expect(try await rows(plane) == [1, 1])
            plane.clock.advance(by: .seconds(86_401))
            _ = try await Pruner(plane.dependencies.database).round()
            #expect(try await rows(plane) == [0, 0])
        }
    }

    @Test("by two writers at once become one file, and nothing is mixed", arguments: TestDatabase.all)
    func writers(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let held = try await plane.held(by: plane.worker())
            let digest = [("X-Content-SHA256", SHA256.hex(Self.text))]
            let size = 20_000
            // Each goes where the server says, as a daemon does that was cut off.
            func write() async throws -> JSON {
                var start = 0
                for _ in 0..<200 {
                    let end = min(start + size, Self.text.count)
                    let reply = try await send(plane, held, Self.text, start..<end, digest)
                    switch reply.status {
                    case 200: return reply.data
                    case 202, 409:
                        let stands = try #require(reply["Upload-Offset"].flatMap { Int($0) })
                        // At the end it is stored, by the other: the last piece again gets the same answer.
                        start = stands < Self.text.count ? stands : Self.text.count - size
                    default: throw FieldError("status", .invalid(reply.text))
                    }
                }
                throw FieldError("status", .invalid("it doesn't end"))
            }
            async let one = write()
            async let two = write()
            let answers = try await [one, two]
            #expect(answers[0] == answers[1])
            #expect(try await content(plane, held.job) == Self.text)
            #expect(try await rows(plane) == [1, 0])
        }
    }

    @Test("are so many and no more")
    func quota() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let held = try await plane.held(by: plane.worker())
            for number in 0..<200 {
                #expect(try await send(plane, held, [1, 2], 0..<1, path: "p\(number)").status == 202)
            }
            for number in 0..<56 { #expect(try await plane.keep(held, "w\(number)", [1]).status == 200) }
            #expect(try await send(plane, held, [1, 2], 0..<1, path: "more").outcome == "413 no_room")
            #expect(try await send(plane, held, [1, 2], 1..<2, path: "p0").status == 200)
        }
    }
}
