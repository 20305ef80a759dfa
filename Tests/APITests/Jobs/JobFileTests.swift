import API
import Bytes
import Support
import Testing

@Suite("Files that jobs bring forth", .timeLimit(.minutes(2)))
struct JobFileTests {
    private static let text = Array(String(repeating: "Ein Huhn, das goldene Eier legt. ", count: 3_000).utf8)

    private func read(
        _ plane: ControlPlane, _ job: String, _ path: String, _ more: (String, String)..., by caller: Caller = .alice
    ) async throws -> PlaneReply {
        try await plane.send("GET", "/jobs/\(job)/artifacts/\(path)", caller.headers + more)
    }

    @Test("come packed or not, and are given packed or not", arguments: TestDatabase.all)
    func roundTrip(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let held = try await plane.held(by: plane.worker())
            let hash = SHA256.hex(Self.text)
            let packed = try Zstd.compress(Self.text)
            let zstd = [("Content-Encoding", "zstd")]
            for (path, bytes, headers) in [
                ("raw.txt", Self.text, []), ("deep/er/packed.txt", packed, zstd), ("empty", [], []),
                ("%C3%A9%20%2B/%25.txt", [0, 255, 10], [("Content-Type", "image/png")]),
                ("empty.zst", try Zstd.compress([]), zstd),
            ] as [(String, [UInt8], [(String, String)])] {
                let reply = try await plane.keep(held, path, bytes, headers)
                #expect(reply.status == 200, "\(path): \(reply.text)")
                let content =
                    headers.first?.0 == "Content-Encoding" ? try Zstd.decompress(bytes, limit: 1 << 20) : bytes
                #expect(reply.data["sha256"]?.string == SHA256.hex(content))
                #expect(reply.data["size"]?.int == Int64(content.count))
            }
            for path in ["raw.txt", "deep/er/packed.txt", "deep%2Fer%2Fpacked.txt"] {
                let plain = try await read(plane, held.job, path)
                #expect(plain.status == 200)
                #expect(plain.body == Self.text)
                #expect(plain["Content-Length"] == "\(Self.text.count)")
                #expect(plain["Content-Type"] == "application/octet-stream")
                #expect(plain["Content-Disposition"] == "attachment")
                #expect(plain["X-Content-Type-Options"] == "nosniff")
                #expect(plain["ETag"] == "\"\(hash)\"")
                #expect(plain["Vary"]?.contains("Accept-Encoding") == true)
                let small = try await read(plane, held.job, path, ("Accept-Encoding", "gzip, zstd;q=0.5"))
                #expect(small["Content-Encoding"] == "zstd")
                #expect(small.body.count < 1_000)
                #expect(try Zstd.decompress(small.body, limit: 1 << 20) == Self.text)
                for refused in ["zstd;q=0", "gzip", "identity", ""] {
                    #expect(try await read(plane, held.job, path, ("Accept-Encoding", refused)).body == Self.text)
                }
            }
            #expect(try await read(plane, held.job, "empty").body.isEmpty)
            #expect(try await read(plane, held.job, "%C3%A9%20%2B/%25.txt").body == [0, 255, 10])
            let list = try await plane.get("/jobs/\(held.job)/artifacts", .alice).json["artifacts"]?.array ?? []
            #expect(list.count == 5)
            let listed = list.first { $0["path"] == "raw.txt" }
            #expect(listed?["sha256"]?.string == hash)
            #expect(listed?["size"]?.int == Int64(Self.text.count))
            #expect(list.contains { $0["path"] == "é +/%.txt" })
            #expect(try await read(plane, held.job, "none").status == 404)
            let head = try await plane.send("HEAD", "/jobs/\(held.job)/artifacts/raw.txt", Caller.alice.headers)
            #expect(head.status == 200)
            #expect(head["Content-Length"] == "\(Self.text.count)")
            // What is written twice is what was written last, also after the end.
            _ = try await plane.keep(held, "raw.txt", [1])
            try await plane.finish(held)
            #expect(try await read(plane, held.job, "raw.txt").body == [1])
            #expect(try await plane.keep(held, "raw.txt", [2]).outcome == "409 job_ended")
            #expect(try await read(plane, held.job, "raw.txt").body == [1])
        }
    }

    @Test("are given in parts, and not again to one who has them", arguments: TestDatabase.all)
    func parts(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let held = try await plane.held(by: plane.worker())
            let random = World.live.random(700_000)
            _ = try await plane.keep(held, "big", random)
            _ = try await plane.keep(held, "empty", [])
            let tag = "\"\(SHA256.hex(random))\""
            for (asked, part) in [("bytes=600000-", 600_000..<700_000), ("bytes=262140-262150", 262_140..<262_151)] {
                let reply = try await read(plane, held.job, "big", ("Range", asked), ("If-Range", tag))
                #expect(reply.status == 206 && reply.body == Array(random[part]), "\(asked)")
            }
            #expect(try await read(plane, held.job, "big", ("Range", "bytes=700000-")).status == 416)
            #expect(try await read(plane, held.job, "empty", ("Range", "bytes=0-")).status == 200)
            #expect(try await read(plane, held.job, "big", ("If-None-Match", tag)).status == 304)
            #expect(try await read(plane, held.job, "big", ("If-None-Match", tag), by: .bob).status == 404)
            // Another file by the same name: the part that was asked for would not fit the one before.
            _ = try await plane.keep(held, "big", [1, 2, 3])
            let other = try await read(plane, held.job, "big", ("Range", "bytes=1-"), ("If-Range", tag))
            #expect(other.status == 200 && other.body == [1, 2, 3])
            #expect(try await read(plane, held.job, "big", ("If-None-Match", tag)).status == 200)
        }
    }

    @Test("are refused when they are too large or not what they say", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, .set(\.artifactLimit, 300_000)) { plane in
            let held = try await plane.held(by: plane.worker())
            let zstd = ("Content-Encoding", "zstd")
            let full = [UInt8](repeating: 7, count: 300_000)
            #expect(try await plane.keep(held, "full", full).status == 200)
            #expect(try await plane.keep(held, "full", Zstd.compress(full), [zstd]).status == 200)
            let packed = try Zstd.compress(Self.text)
            let bomb = try Zstd.compress([UInt8](repeating: 0, count: 50_000_000))
            for (bytes, headers, status) in [
                (full + [7], [], 413), (try Zstd.compress(full + [7]), [zstd], 413), (bomb, [zstd], 413),
                (Array(packed.dropLast()), [zstd], 400), (Array(packed.dropFirst()), [zstd], 400),
                (Self.text, [zstd], 400), ([], [zstd], 400), (packed + [1, 2, 3], [zstd], 400),
                (Self.text, [("Content-Encoding", "gzip")], 415), (packed, [("Content-Encoding", "zstd, zstd")], 415),
            ] as [([UInt8], [(String, String)], Int)] {
                let reply = try await plane.keep(held, "no", bytes, headers)
                #expect(reply.status == status, "\(bytes.count) \(headers): \(reply.text)")
            }
            #expect(try await read(plane, held.job, "no").status == 404)
            let upload = try await plane.send("POST", "/artifacts", Caller.alice.headers, bytes: full + [7])
            #expect(upload.status == 413)
        }
    }

    @Test("that squeeze too well come as they are; packed they are told so", arguments: TestDatabase.all)
    func squeezed(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let zstd = ("Content-Encoding", "zstd")
            let zeros = [UInt8](repeating: 0, count: 3 << 20)
            let held = try await plane.held(by: plane.worker())
            let bomb = try Zstd.compress([UInt8](repeating: 0, count: 64 << 20))
            for packed in [bomb, try Zstd.compress(zeros)] {
                for reply in [
                    try await plane.keep(held, "disk.img", packed, [zstd]),
                    try await plane.keep(
                        held, "disk.img", packed,
                        [zstd, ("Content-Range", "bytes 0-\(packed.count - 1)/\(packed.count)")]
                    ), try await plane.send("POST", "/artifacts", Caller.alice.headers + [zstd], bytes: packed),
                ] {
                    #expect(reply.status == 413, "\(reply.text)")
                    #expect(reply.text.contains("200 times") && reply.text.contains("without Content-Encoding"))
                }
            }
            #expect(try await read(plane, held.job, "disk.img").status == 404)
            let reply = try await plane.keep(held, "disk.img", zeros)
            #expect(reply.data["sha256"]?.string == SHA256.hex(zeros), "\(reply.text)")
            #expect(try await read(plane, held.job, "disk.img").body == zeros)
            // A mebibyte of anything, and what is dense on the whole though it begins with zeros.
            for (path, content) in [
                ("small", Array(zeros.prefix(1 << 20))), ("image", zeros + World.live.random(50_000)),
            ] {
                let reply = try await plane.keep(held, path, try Zstd.compress(content), [zstd])
                #expect(reply.data["sha256"]?.string == SHA256.hex(content), "\(path): \(reply.text)")
            }
        }
    }

    @Test("have names that are bytes: composed and decomposed differ", arguments: TestDatabase.all)
    func names(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (composed, decomposed) = ("\u{e9}", "e\u{301}")
            let inputs: JSON = .array(
                [composed, decomposed].enumerated().map { number, path in
                    ["path": .string(path), "content_base64": .string(Base64.encode([UInt8(number)]))]
                })
            let held = try await plane.held(by: plane.worker(), ["command": ["true"], "inputs": inputs])
            let headers = held.worker.caller.headers + [("X-Claim-Token", held.token)]
            for (number, path) in ["%C3%A9", "e%CC%81"].enumerated() {
                let input = try await plane.send("GET", "\(held.path)/inputs/\(path)", headers)
                #expect(input.body == [UInt8(number)], "\(input.text)")
                #expect(try await plane.keep(held, path, [UInt8(number)]).status == 200)
            }
            for (number, path) in ["%C3%A9", "e%CC%81"].enumerated() {
                #expect(try await read(plane, held.job, path).body == [UInt8(number)])
            }
            let list = try await plane.get("/jobs/\(held.job)/artifacts", .alice).json["artifacts"]?.array ?? []
            #expect(list.count == 2)
        }
    }

    @Test("stay inside the job's folder", arguments: TestDatabase.all)
    func traversal(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let held = try await plane.held(by: plane.worker())
            for (path, status) in [
                ("..%2Fx", 400), ("a/%2E%2E/x", 400), ("%2Fetc%2Fpasswd", 400), ("a//b", 400), ("a/", 400),
                ("%2E", 400),
                ("a%2F%2E%2Fb", 400), (String(repeating: "a", count: 256), 400), ("a%00b", 404), ("a%0Ab", 404),
                ("a%7Fb", 404), ("%FF", 404),
                (Array(repeating: "aaaaaaaa", count: 60).joined(separator: "%2F"), 400),
                ("%5C..%5Cx", 400), ("a%5Cb", 400), ("a%C2%85b", 400), ("...", 200), ("..a/b..", 200),
                ("a%3Fb%23c", 200),
            ] {
                let reply = try await plane.keep(held, path, [1])
                #expect(reply.status == status, "\(path.prefix(40)): \(reply.text)")
            }
            let list = try await plane.get("/jobs/\(held.job)/artifacts", .alice).json["artifacts"]?.array ?? []
            #expect(list.compactMap { $0["path"]?.string } == ["...", "..a/b..", "a?b#c"].sorted())
        }
    }

    @Test("are accepted from the lease's holder only", arguments: TestDatabase.all)
    func holder(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (worker, sibling) = (try await plane.worker(), try await plane.worker())
            let stranger = try await plane.worker(of: .bob)
            let held = try await plane.held(by: worker)
            for (token, other) in [(nil, sibling), (nil, stranger), ("x", worker)] as [(String?, Worker)] {
                #expect(try await plane.keep(held, "a", [1], token: token, by: other).outcome == "403 lease_lost")
            }
            let bare = try await plane.send("PUT", "\(held.path)/artifacts/a", worker.caller.headers, bytes: [1])
            #expect(bare.outcome == "400 missing_field")
            plane.clock.advance(by: .seconds(61))
            #expect(try await plane.keep(held, "a", [1]).outcome == "403 lease_lost", "its time is over")
            try await plane.tick()
            plane.clock.advance(by: .seconds(5))
            try await plane.tick()
            let next = try #require(try await plane.claim(sibling).first)
            #expect(try await plane.keep(held, "a", [1]).outcome == "403 lease_lost", "it is another's")
            #expect(try await plane.keep(next, "a", [2]).status == 200)
            #expect(try await read(plane, held.job, "a").body == [2])
            #expect(try await read(plane, held.job, "a", by: .bob).status == 404)
        }
    }

    @Test("are so many and no more")
    func quota() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let held = try await plane.held(by: plane.worker())
            for number in 0..<256 { #expect(try await plane.keep(held, "f\(number)", [1]).status == 200) }
            let more = try await plane.keep(held, "f256", [1])
            #expect(more.outcome == "413 no_room" && more.text.contains("256"), "\(more.text)")
            #expect(try await plane.keep(held, "f255", [2]).status == 200, "one that is there may change")
        }
    }
}

@Suite("Files that jobs are given", .timeLimit(.minutes(2)))
struct JobInputTests {
    private func input(
        _ plane: ControlPlane, _ held: Held, _ path: String, token: String? = nil, _ more: (String, String)...
    ) async throws -> PlaneReply {
        let headers = held.worker.caller.headers + [("X-Claim-Token", token ?? held.token)] + more
        return try await plane.send("GET", "\(held.path)/inputs/\(path)", headers)
    }

    @Test("come with the request, from an upload or from an earlier job", arguments: TestDatabase.all)
    func sources(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let before = try await plane.held(by: worker)
            _ = try await plane.keep(before, "out/Übung.txt", Array("earlier".utf8))
            let zstd = ("Content-Encoding", "zstd")
            let content = Array(String(repeating: "uploaded ", count: 1_000).utf8)
            let hash = SHA256.hex(content)
            for (bytes, headers) in [(content, []), (try Zstd.compress(content), [zstd])] {
                let upload = try await plane.send("POST", "/artifacts", Caller.alice.headers + headers, bytes: bytes)
                #expect(upload.status == 201)
                #expect(upload.json == ["artifact": .string("sha256:\(hash)"), "size": JSON(content.count)])
            }
            let inputs: JSON = [
                ["path": "a/b.bin", "content_base64": .string(Base64.encode([0, 255, 10, 13]))],
                ["path": "empty", "content_base64": ""],
                ["path": "up", "artifact": .string("sha256:\(hash.uppercased())")],
                ["path": "out", "artifact": .string("\(before.job)/out/Übung.txt")],
            ]
            try await plane.finish(before)
            let held = try await plane.held(by: worker, ["inputs": inputs])
            let told = held.grant["inputs"]?.array ?? []
            let files: [(String, [UInt8])] = [
                ("a/b.bin", [0, 255, 10, 13]), ("empty", []), ("up", content), ("out", Array("earlier".utf8)),
            ]
            for (index, (path, bytes)) in files.enumerated() {
                let expected: JSON = [
                    "path": .string(path), "size": JSON(bytes.count), "sha256": .string(SHA256.hex(bytes)),
                ]
                #expect(told.indices.contains(index) && told[index] == expected)
                let plain = try await input(plane, held, path)
                #expect(plain.status == 200, "\(plain.text)")
                #expect(plain.body == bytes)
                let packed = try await input(plane, held, path, ("Accept-Encoding", "zstd"))
                #expect(packed["Content-Encoding"] == "zstd")
                #expect(try Zstd.decompress(packed.body, limit: 1 << 20) == bytes)
            }
            #expect(try await input(plane, held, "none").outcome == "404 not_found")
            #expect(try await input(plane, held, "a%2Fb.bin").status == 200)
            #expect(try await input(plane, held, "up", token: "x").outcome == "403 lease_lost")
            #expect(try await input(plane, held, "up", token: before.token).outcome == "403 lease_lost")
            try await plane.finish(held)
            #expect(try await input(plane, held, "up").outcome == "409 job_ended")
        }
    }

    @Test("are the owner's own", arguments: TestDatabase.all)
    func owners(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let held = try await plane.held(by: worker)
            _ = try await plane.keep(held, "secret", [1, 2, 3])
            try await plane.finish(held)
            let upload = try await plane.send("POST", "/artifacts", Caller.alice.headers, bytes: [4, 5, 6])
            let name = try #require(upload.json["artifact"]?.string)
            for reference in [name, "\(held.job)/secret", "sha256:\(SHA256.hex([1, 2, 3] as [UInt8]))"] {
                let inputs: JSON = [["path": "x", "artifact": .string(reference)]]
                let reply = try await plane.post("/jobs", .bob, ControlPlane.request(["inputs": inputs]))
                #expect(reply.blame == "422 inputs[0].artifact", "\(reference)")
                let batch: JSON = ["jobs": [ControlPlane.request(), ControlPlane.request(["inputs": inputs])]]
                #expect(try await plane.post("/jobs/batch", .bob, batch).blame == "422 jobs[1].inputs[0].artifact")
            }
            #expect(try await plane.get("/jobs", .bob).ids.isEmpty)
            // Bob knows the content: then it is his too, and the store keeps it once.
            _ = try await plane.send("POST", "/artifacts", Caller.bob.headers, bytes: [4, 5, 6])
            _ = try await plane.job(["inputs": [["path": "x", "artifact": .string(name)]]], of: .bob)
        }
    }

    @Test("that an earlier job has yet to make are there when it is done", arguments: TestDatabase.all)
    func later(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let first = try await plane.job()
            let inputs: JSON = [["path": "in", "artifact": .string("\(first.uppercased())/out")]]
            let second = try await plane.job(["inputs": inputs])
            #expect(try await plane.status(second) == "blocked", "a file of a job is waited for as the job is")
            let held = try #require(try await plane.claim(worker).first)
            _ = try await plane.keep(held, "out", [9])
            try await plane.finish(held)
            try await plane.tick()
            let next = try #require(try await plane.claim(worker).first)
            #expect(next.job == second)
            #expect(try await input(plane, next, "in").body == [9])
            #expect(next.grant["inputs"]?.array?.first?["sha256"]?.string == SHA256.hex([9] as [UInt8]))
        }
    }

    @Test("that never come fail their job at once, and hold up no other", arguments: TestDatabase.all)
    func missing(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let first = try await plane.job()
            let inputs: JSON = [
                ["path": "in", "artifact": .string("\(first)/out")],
                ["path": "no", "artifact": .string("\(first)/no")],
            ]
            let unfed = try await plane.job(["inputs": inputs])
            let behind = try await plane.job(["depends_on": [.string(unfed)]])
            let held = try #require(try await plane.claim(worker).first)
            _ = try await plane.keep(held, "out", [9])
            try await plane.finish(held)
            let bystander = try await plane.job(["priority": 0])
            try await plane.tick()
            #expect(try await plane.claim(worker, ["limit": 10]).map(\.job) == [bystander])
            let job = try await plane.show(unfed)
            #expect(job["status"] == "failed" && job["reason"] == "input", "\(job)")
            #expect(job["error"]?.string == "the input no is missing: job \(first) has ended without no")
            #expect(job["attempts"]?.array?.count == 1 && job["losses"] == 0)
            #expect(try await plane.show(behind)["reason"] == "dependency")
            // What can be seen when it is submitted is told then.
            let late = try await plane.post("/jobs", .alice, ControlPlane.request(["inputs": inputs]))
            #expect(late.blame == "422 inputs[1].artifact" && late.text.contains("completed without"), "\(late.text)")
        }
    }

    @Test("of a job that fails cancel theirs, and count among the jobs it waits for", arguments: TestDatabase.all)
    func awaited(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let first = try await plane.job(["max_attempts": 1])
            func inputs(_ jobs: [String]) -> JSON {
                .array(
                    jobs.enumerated().map { number, job in
                        ["path": .string("f\(number)"), "artifact": .string("\(job)/out")]
                    })
            }
            let second = try await plane.job(["inputs": inputs([first, first])])
            try await plane.finish(try #require(try await plane.claim(worker).first), ControlPlane.failure)
            for id in [second, try await plane.job(["inputs": inputs([first])])] {
                #expect(try await plane.show(id)["reason"] == "dependency")
            }
            let batch: JSON = ["jobs": .array((0..<101).map { _ in ControlPlane.request() })]
            let many = try await plane.post("/jobs/batch", .alice, batch).ids
            let full = ControlPlane.request([
                "inputs": inputs(Array(many[..<60])), "depends_on": .array(many[60...].map(JSON.string)),
            ])
            #expect(try await plane.post("/jobs", .alice, full).blame == "422 depends_on")
            _ = try await plane.job([
                "inputs": inputs(Array(many[..<60])), "depends_on": .array(many[40..<100].map(JSON.string)),
            ])
        }
    }
}
