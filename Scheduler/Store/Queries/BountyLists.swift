package import Domain

extension Transaction {
    package func bounty(_ id: Int64) throws -> Bounty? {
        try readBounties("SELECT \(raw: Bounty.columns) FROM bounties WHERE id = \(id)").first
    }

    /// These tasks, in the order given; those that are gone are left out.
    func bounties(_ ids: [Int64]) throws -> [Bounty] {
        guard !ids.isEmpty else { return [] }
        let found = try readBounties("SELECT \(raw: Bounty.columns) FROM bounties WHERE id \(in: ids)")
        let byID = Dictionary(found.map { ($0.id, $0) }) { first, _ in first }
        return ids.compactMap { byID[$0] }
    }
}

extension Transaction {
    /// Tasks in an order, those after `place`. Read group by group, each by ranges of an index.
    package func bounties(
        _ order: BountyOrder, _ filter: BountyFilter = BountyFilter(), after place: BountyPlace?, limit whole: Int
    ) throws -> [Bounty] {
        var found: [Bounty] = []
        let labels = filter.labels.isEmpty ? [nil] : filter.labels.map(Optional.some)
        for (group, parts) in filter.groups(in: order) where found.count < whole && group >= place?.group ?? group {
            let place = place?.group == group ? place : nil
            let limit = whole - found.count
            // A task can have several of the labels. They are asked for together as long as that reads few rows.
            let together = max(1, Self.statementRows / max(1, parts.count * limit))
            if labels.count <= together {
                found += try bounties(of: Self.keys(parts, labels: labels, order, after: place, limit: limit))
            } else {
                var places: Set<BountyPlace> = []
                for start in stride(from: 0, to: labels.count, by: together) {
                    let some = Array(labels[start..<min(labels.count, start + together)])
                    let keys = Self.keys(parts, labels: some, order, after: place, limit: limit)
                    places.formUnion(
                        try rows(keys) { try BountyPlace(group: group, points: $0.integer(), id: $0.integer()) })
                }
                found += try bounties(places.sorted(by: order.isBefore).prefix(max(0, limit)).map(\.id))
            }
        }
        return found.sorted { order.isBefore(BountyPlace($0, in: order), BountyPlace($1, in: order)) }
    }

    /// How many keys one statement reads at most, so that no caller's list costs much.
    private static let statementRows = 600

    /// The tasks whose points and ids a statement selects, in any order.
    private func bounties(of keys: SQL) throws -> [Bounty] {
        try readBounties(
            """
            WITH keys (rank, key) AS MATERIALIZED (\(sql: keys))
            SELECT \(raw: Bounty.columns) FROM keys CROSS JOIN bounties WHERE bounties.id = key
            """)
    }

    /// The statement that selects the points and ids of the first tasks of one group of an order.
    private static func keys(
        _ parts: [BountyFilter.Part?], labels: [String?], _ order: BountyOrder, after place: BountyPlace?, limit: Int
    ) -> SQL {
        let sort: SQL =
            order.isByPoints
            ? "ORDER BY points DESC, id DESC" : order.isOldestFirst ? "ORDER BY id" : "ORDER BY id DESC"
        // So few numbers of labels, so few texts of statements.
        let count = [1, 2, 4, 7].first { $0 >= labels.count } ?? BountyFilter.maxLabels
        let padded = labels + Array(repeating: labels.last ?? nil, count: max(0, count - labels.count))
        let selects = padded.flatMap { label in parts.map { (label, $0) } }.map { label, part -> SQL in
            // `id + 0` is in the index of a state and not in the primary key, from which PostgreSQL would rather read
            // all states in order until it has found enough of one.
            let key: SQL = part == nil ? "id" : "id + 0"
            let partSort: SQL =
                order.isByPoints
                ? sort : order.isOldestFirst ? "ORDER BY \(sql: key)" : "ORDER BY \(sql: key) DESC"
            var condition: SQL = if let label { "label = \(label)" } else { "id > 0" }
            if let part {
                condition = """
                    \(sql: condition) AND status = \(part.status.rank) AND priority = \(part.priority.rank)
                    """
            }
            if let place {
                condition =
                    if order.isByPoints {
                        "\(sql: condition) AND (points, id) < (\(place.points), \(place.id))"
                    } else if order.isOldestFirst {
                        "\(sql: condition) AND \(sql: key) > \(place.id)"
                    } else {
                        "\(sql: condition) AND \(sql: key) < \(place.id)"
                    }
            }
            let table: SQL = label == nil ? "bounties" : "bounty_labels"
            return """
                SELECT * FROM (SELECT points, id FROM \(sql: table) WHERE \(sql: condition)
                    \(sql: partSort) LIMIT \(limit)) AS part
                """
        }
        let all = selects.joined(separator: " UNION ALL ")
        let keys: SQL = labels.count > 1 ? "SELECT DISTINCT points, id FROM (\(sql: all)) AS keys" : all
        return "SELECT points, id FROM (\(sql: keys)) AS parts \(sql: sort) LIMIT \(limit)"
    }

    /// How many tasks of all authors a feed looks at before it asks the followed ones one by one.
    private static let feedLook = 200

    /// How many followed authors, and how many tasks of each, one statement of a feed looks at.
    private static let feedStep = 22

    /// Tasks of those whom `member` follows, by status, then points, those after `place`.
    package func followedBounties(of member: MemberID, after place: BountyPlace?, limit: Int) throws -> [Bounty] {
        // Whoever follows many finds a page among the first tasks of all, without asking each author for its own.
        let look = try authored(after: place ?? .start, limit: Self.feedLook)
        let authors = try followed(by: member, among: look.map(\.author))
        let ids = look.filter { authors.contains($0.author) }.map(\.place.id).prefix(max(0, limit))
        var found = try bounties(Array(ids))
        var place = ids.count < limit ? look.last?.place : nil
        while let start = place, look.count == Self.feedLook, found.count < limit {
            let step = min(Self.feedStep, limit - found.count)
            // The first `step` tasks are among those of the authors whose own first ones come first.
            let authors = try feedAuthors(of: member, after: start, limit: step)
            let tasks = try feed(of: authors, after: start, limit: step)
            found += tasks
            place = tasks.count == step ? tasks.last.map { BountyPlace($0, in: .status) } : nil
        }
        return found
    }

    /// Tasks of those whom `member` doesn't follow, by status, then points, those after `place`; and where to go on.
    /// Looks at a bounded number of them, so that there may be fewer than `limit` though more follow.
    package func unfollowedBounties(
        of member: MemberID, after place: BountyPlace, limit: Int
    ) throws -> (tasks: [Bounty], next: BountyPlace?) {
        var ids: [Int64] = []
        var next: BountyPlace? = place
        for _ in 0..<3 where ids.count < limit {
            guard let start = next else { break }
            let look = try authored(after: start, limit: Self.feedLook)
            let authors = try followed(by: member, among: look.map(\.author))
            for task in look where ids.count < limit {
                next = task.place
                if !authors.contains(task.author) { ids.append(task.place.id) }
            }
            if look.count < Self.feedLook, next == look.last?.place ?? start { next = nil }
        }
        return (try bounties(ids), next)
    }

    /// The places of tasks by status, then points, those after `place`, and who posted them.
    private func authored(
        after place: BountyPlace, limit: Int
    ) throws -> [(place: BountyPlace, author: MemberID)] {
        var found: [(place: BountyPlace, author: MemberID)] = []
        for status in Bounty.Status.allCases where found.count < limit && status.rank >= place.group {
            let after: SQL =
                status.rank == place.group ? "AND (points, id) < (\(place.points), \(place.id))" : ""
            let parts = Bounty.Priority.allCases.map { priority -> SQL in
                """
                SELECT * FROM (SELECT points, id, author_id FROM bounties
                    WHERE status = \(status.rank) AND priority = \(priority.rank) \(sql: after)
                    ORDER BY points DESC, id DESC LIMIT \(limit - found.count)) AS part
                """
            }
            found += try rows(
                """
                SELECT points, id, author_id FROM (\(sql: parts.joined(separator: " UNION ALL "))) AS parts
                ORDER BY points DESC, id DESC LIMIT \(limit - found.count)
                """
            ) { row in
                try (BountyPlace(group: status.rank, points: row.integer(), id: row.integer()), MemberID(row.text()))
            }
        }
        return found
    }

    /// The ranges of `bounties_by_author_hot` that follow a place, in their order: the rest of its status, then the
    /// statuses behind it. (SQLite finds no range by a row that begins with an expression.)
    private static func behind(_ place: BountyPlace?) -> [SQL] {
        let sort: SQL = "ORDER BY 0 - status DESC, points DESC, id DESC"
        guard let place else { return [sort] }
        return [
            """
            AND 0 - status = \(0 - place.group) AND (points, id) < (\(place.points), \(place.id))
            ORDER BY points DESC, id DESC
            """,
            "AND 0 - status < \(0 - place.group) \(sql: sort)",
        ]
    }

    /// How many followed authors one statement asks for their first task; it reads three rows for each.
    private static let authorStep = 300

    /// The followed authors whose first tasks come first.
    private func feedAuthors(of member: MemberID, after place: BountyPlace?, limit: Int) throws -> [String] {
        let firsts = Self.behind(place).map { range -> SQL in
            "(SELECT id FROM bounties WHERE author_id = followee_id \(sql: range) LIMIT 1)"
        }
        let head: SQL = firsts.count == 1 ? firsts[0] : "COALESCE(\(sql: firsts.joined(separator: ", ")))"
        var heads: [(author: String, place: BountyPlace)] = []
        var last = ""
        var count = 0
        repeat {
            let found = try rows(
                """
                WITH heads AS MATERIALIZED (
                    SELECT followee_id, \(sql: head) AS head
                    FROM follows WHERE follower_id = \(member.text) AND followee_id > \(last)
                    ORDER BY followee_id LIMIT \(Self.authorStep))
                SELECT followee_id, status, points, head FROM heads LEFT JOIN bounties ON bounties.id = head
                """
            ) { row in
                try (row.text(), row.optionalInteger(), row.optionalInteger(), row.optionalInteger())
            }
            for case (let author, let status?, let points?, let id?) in found {
                heads.append((author, BountyPlace(group: status, points: points, id: id)))
            }
            (last, count) = (found.map(\.0).max() ?? last, found.count)
        } while count == Self.authorStep
        heads.sort { left, right in
            let (one, other) = (left.place, right.place)
            return (one.group, other.points, other.id) < (other.group, one.points, one.id)
        }
        return heads.prefix(max(0, limit)).map(\.author)
    }

    private func feed(of authors: [String], after place: BountyPlace?, limit: Int) throws -> [Bounty] {
        guard !authors.isEmpty else { return [] }
        let parts = authors.flatMap { author in
            Self.behind(place).map { range -> SQL in
                """
                SELECT * FROM (SELECT id, status, points FROM bounties WHERE author_id = \(author) \(sql: range)
                    LIMIT \(limit)) AS part
                """
            }
        }
        let all = parts.joined(separator: " UNION ALL ")
        return try bounties(
            of: "SELECT points, id FROM (\(sql: all)) AS parts ORDER BY status, points DESC, id DESC LIMIT \(limit)"
        ).sorted { BountyOrder.status.isBefore(BountyPlace($0, in: .status), BountyPlace($1, in: .status)) }
    }

    /// Those of these members that `member` follows.
    package func followed(by member: MemberID, among others: [MemberID]) throws -> Set<MemberID> {
        guard !others.isEmpty else { return [] }
        return Set(
            try rows(
                """
                SELECT followee_id FROM follows
                WHERE follower_id = \(member.text) AND followee_id \(in: Set(others.map(\.text)).sorted())
                """
            ) { try MemberID($0.text()) })
    }
}

extension BountyOrder {
    fileprivate func isBefore(_ left: BountyPlace, _ right: BountyPlace) -> Bool {
        if left.group != right.group { return left.group < right.group }
        if isByPoints, left.points != right.points { return left.points > right.points }
        return isOldestFirst ? left.id < right.id : left.id > right.id
    }
}
