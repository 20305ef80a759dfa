internal import Store

/// Reads every list of bee:hack, one list at a time, on all connections. Every other connection asks for the first page
/// again and again; the rest go on from page to page.
struct FeedLoad: Sendable {
    /// One connection, and the member whose own lists it reads.
    struct Reader: Sendable {
        let connection: RawConnection
        let key: String
        let handle: String
    }

    /// A list, and its path for a reader.
    private struct List: Sendable {
        let name: String
        let path: @Sendable (Reader) -> String

        init(_ name: String, _ path: String) {
            self.name = name
            self.path = { _ in path }
        }

        init(_ name: String, of path: @escaping @Sendable (Reader) -> String) {
            self.name = name
            self.path = path
        }
    }

    let settings: BenchSettings
    let forum: ForumSize
    let readers: [Reader]

    func round() throws -> [Reading] {
        try lists.flatMap { try read($0) }
    }

    private var lists: [List] {
        let posts = ["hot", "new", "foryou"].map { List("posts \($0)", "/api/posts?sort=\($0)") }
        let filters = [
            ("", ""), (" of a status", "&status=done"), (" of a priority", "&priority=high"),
            (" with labels", "&labels=swift,topic7"),
        ]
        let tasks = filters.flatMap { name, filter in
            ["hot", "new", "top", "urgent"].map { List("tasks \($0)\(name)", "/api/tasks?sort=\($0)\(filter)") }
        }
        let comments = ["top", "new", "old", "controversial"].map { sort in
            List("comments \(sort)", "/api/posts/\(ForumSize.mainPost)/comments?sort=\(sort)")
        }
        let profile = "/api/users/profile?name=\(ForumSize.handle(forum.mainAuthor))"
        let own = [
            List("notifications", "/api/notifications?unread_only=false"),
            List("notifications unread", "/api/notifications"), List("messages", "/api/messages"),
            List("transactions", of: { "/api/users/\($0.handle)/transactions" }), List("profile", profile),
        ]
        return posts + tasks + comments + own
    }

    private func read(_ list: List) throws -> [Reading] {
        let start = Ticks.now()
        let end = start + UInt64(settings.seconds) * 1_000_000_000
        let sum = Tally.sum(
            try ClientPool.run(readers.count) { index in
                try read(list, by: readers[index], goesOn: index.isMultiple(of: 2), until: end)
            })
        return [.calls(list.name, sum.jobs, Ticks.now() - start)] + Reading.latencies(list.name, sum.latencies)
    }

    private func read(_ list: List, by reader: Reader, goesOn: Bool, until end: UInt64) throws -> Tally {
        let path = list.path(reader)
        let head = "Host: \(ServerUnderTest.host)\r\nAuthorization: Bearer \(reader.key)\r\n\r\n"
        let first = Array("GET \(path) HTTP/1.1\r\n\(head)".utf8)
        var request = first
        var tally = Tally()
        while true {
            let before = Ticks.now()
            guard before < end else { return tally }
            let answer = try reader.connection.exchange(request)
            guard answer.status == 200 else {
                throw Failure.unexpected("\(list.name) got \(answer.status): \(answer.text)")
            }
            tally.latencies.append(Ticks.now() - before)
            tally.jobs += 1
            guard goesOn else { continue }
            var scanner = ByteScanner(answer.body)
            if let cursor = scanner.text(after: #""next_cursor":""#) {
                let mark = path.contains("?") ? "&" : "?"
                request = Array("GET \(path)\(mark)cursor=\(String(decoding: cursor, as: UTF8.self)) HTTP/1.1\r\n".utf8)
                request += head.utf8
            } else {
                request = first
            }
        }
    }
}
