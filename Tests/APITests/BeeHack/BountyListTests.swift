import Bytes
import Support
import Testing

@Suite("Lists of posts", .timeLimit(.minutes(2)))
struct BountyListTests {
    private static let ranks = ["open", "claimed", "in_progress", "in_review", "done", "cancelled"]

    /// Where a post stands in `hot`: what is smaller comes first; the newest first among equals.
    private static func heat(_ post: JSON) -> [Int64] {
        let rank = ranks.firstIndex { $0 == post["task_status"]?.string } ?? ranks.count
        let id = post["id"]?.string.flatMap { Int64($0) } ?? 0
        return [Int64(rank), -(post["points"]?.int ?? 0), -id]
    }

    private static func isHot(_ posts: [JSON]) -> Bool {
        zip(posts, posts.dropFirst()).allSatisfy { heat($0).lexicographicallyPrecedes(heat($1)) }
    }

    private func ids(_ posts: [JSON]) -> [String] { posts.compactMap { $0["id"]?.string } }

    /// All pages of a list.
    private func walk(_ lab: BeeHackLab, _ path: String, limit: Int, _ bee: Bee? = nil) async throws -> [JSON] {
        var items: [JSON] = []
        var cursor = ""
        while items.count < 500 {
            let reply = try lab.must(await lab.get("\(path)&limit=\(limit)\(cursor)", bee))
            let page = reply["items"]?.array ?? []
            #expect(page.count <= limit && reply["limit"]?.int == Int64(limit))
            items += page
            guard let next = reply["next_cursor"]?.string else {
                #expect(reply["next_cursor"] == .null)
                return items
            }
            #expect(page.count == limit, "a page that isn't the last is full")
            cursor = "&cursor=\(next)"
        }
        return items
    }

    /// Twenty-four posts in all stages by three authors, with equal bounties among them.
    private func fill(_ lab: BeeHackLab) async throws -> (authors: [Bee], ids: [String]) {
        var authors: [Bee] = []
        for name in ["maya", "noor", "omar"] { authors.append(try await lab.join(name)) }
        let worker = try await lab.join("worker")
        var ids: [String] = []
        for number in 0..<24 {
            let author = authors[number % 3]
            let id = try await lab.post(by: author, ["points": JSON(1 + number * 7 % 4)])
            let stage = Stage.allCases[number * 5 % 6]
            try await lab.bring(id, to: stage, by: author, for: worker, escrow: false)
            ids.append(id)
        }
        return (authors, ids)
    }

    @Test("in hot go by status, then by bounty; in new by time", arguments: TestDatabase.all)
    func orders(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (_, made) = try await fill(lab)
            for query in ["?sort=hot", "?sort=", "?sort=top", "?sort=HOT&x=1"] {
                let all = try await walk(lab, "/posts\(query)", limit: 100)
                #expect(Set(ids(all)) == Set(made) && all.count == made.count, "\(query)")
                #expect(Self.isHot(all), "\(query)")
                #expect(try await lab.get("/posts\(query)").json["sort"] == "hot")
            }
            let new = try await walk(lab, "/posts?sort=new", limit: 100)
            #expect(ids(new) == made.reversed())
            for limit in [1, 5, 23, 24, 25] {
                for sort in ["hot", "new"] {
                    let whole = try await walk(lab, "/posts?sort=\(sort)", limit: 100)
                    #expect(try await walk(lab, "/posts?sort=\(sort)", limit: limit) == whole, "\(sort) by \(limit)")
                }
            }
        }
    }

    @Test("in foryou begin with those one follows", arguments: TestDatabase.all)
    func forYou(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (authors, made) = try await fill(lab)
            let reader = try await lab.join("reader")
            #expect(try await lab.get("/posts?sort=foryou").status == 401)
            let alone = try await walk(lab, "/posts?sort=foryou", limit: 7, reader)
            #expect(alone == (try await walk(lab, "/posts?sort=hot", limit: 100)))
            for followed in [["noor"], ["noor", "omar"], ["noor", "omar", "maya"]] {
                try lab.must(await lab.send("POST", "/users/\(followed.last ?? "")/follow", reader))
                for limit in [1, 5, 8, 16, 100] {
                    let all = try await walk(lab, "/posts?sort=foryou", limit: limit, reader)
                    #expect(Set(ids(all)) == Set(made) && all.count == made.count, "\(followed) by \(limit)")
                    let first = all.prefix { followed.contains($0["author_handle"]?.string ?? "") }
                    #expect(first.count == 8 * followed.count)
                    #expect(Self.isHot(Array(all.dropFirst(first.count))))
                }
            }
            #expect(try await lab.get("/posts?sort=foryou", reader).json["sort"] == "foryou")
            let other = try await walk(lab, "/posts?sort=foryou", limit: 100, authors[0])
            #expect(Self.isHot(other), "who follows nobody sees what is hot")
        }
    }

    @Test("clamp their limit, and take no cursor of another list", arguments: TestDatabase.all)
    func limits(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            for _ in 0..<3 { _ = try await lab.post(by: maya) }
            for path in ["/posts", "/tasks"] {
                for (limit, kept) in [
                    ("1", 1), ("100", 100), ("0", 1), ("-5", 1), ("101", 100), ("99999999999999999999", 100),
                    ("-99999999999999999999", 1), ("abc", 25), ("1.5", 25), ("1e1", 25), ("", 25), ("%20", 25),
                ] as [(String, Int64)] {
                    let reply = try lab.must(await lab.get("\(path)?limit=\(limit)"))
                    #expect(reply["limit"]?.int == kept, "\(path) limit=\(limit)")
                    #expect(reply["items"]?.array?.count == Int(min(kept, 3)), "\(path) limit=\(limit)")
                }
                #expect(try lab.must(await lab.get(path))["limit"] == 25)
                let cursor = try await lab.get("\(path)?sort=new&limit=1").json["next_cursor"]?.string ?? ""
                #expect(try await lab.get("\(path)?sort=new&limit=1&cursor=\(cursor)").status == 200)
                for query in [
                    "cursor=x", "cursor=%00", "sort=hot&cursor=\(cursor)",
                    "cursor=\(Base64.encodeURL(Array("99999999999999999999".utf8)))",
                ] {
                    #expect(try await lab.get("\(path)?\(query)").status == 400, "\(path)?\(query)")
                }
            }
        }
    }
}
