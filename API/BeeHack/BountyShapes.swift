internal import Bytes
internal import Domain
internal import Store
internal import Wire

/// How tasks are written and read (bee:hack's seed, Posts and Tasks).
enum BountyShapes {
    static let title = Format<String>.trimmed(1...255)
    static let content = Format<String>.text(1...20_000)
    static let url = Format<String>.webAddress
    static let points = Format<Int64>.integer(1...Money.maxMinorUnits)
    static let criteria = Format<String>.text(1...20_000)
    static let tests = Format<String>.text(1...10_000)
    static let label = Format<String>.trimmed(1...50)
    static let labels = Format<[String]>.array(lineOfText, 0...20)
    static let repoURL = Format<String>.repository
    static let branch = Format<String>.branch
    static let effort = Format<String>.trimmed(1...64)
    static let handle = Format<String>.text(1...128)

    /// A label: one line.
    private static let lineOfText = Format<String>(label.schema, write: label.write) { json throws(FieldError) in
        let text = try label.read(json)
        guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw .invalid("must be one line of text")
        }
        return text
    }

    /// What both a post and a task show.
    private static let common = Shape<Bounty> {
        field("id", .decimalID) { $0.id }
        field("title", title) { $0.title }
        field("url", .nullable(url)) { $0.url }
        field("content", .nullable(content)) { $0.content }
        field("points", points) { $0.points }
        field("task_status", .choice) { $0.status }
        field("claimed_by_handle", .nullable(handle)) { $0.assigneeHandle }
        field("claimed_at", .nullable(.instant)) { $0.claimedAt }
        field("completed_at", .nullable(.instant)) { $0.completedAt }
        field("created_at", .instant) { $0.createdAt }
        field("updated_at", .instant) { $0.updatedAt }
        field("author_handle", handle) { $0.authorHandle }
        field("comment_count", .integer(0...Int64.max)) { $0.commentCount }
        field("deadline", .nullable(.instant)) { $0.deadline }
        field("acceptance_criteria", .nullable(criteria)) { $0.acceptanceCriteria }
        field("tests", .nullable(tests)) { $0.tests }
        field("assignment_mode", .choice) { $0.assignment }
        field("escrow_status", .choice) { $0.escrow.status }
        field("poster_escrow", amount) { $0.escrow.poster }
        field("assignee_escrow", amount) { $0.escrow.assignee }
    }

    static let amount = Format<Int64>.integer(0...Money.maxMinorUnits)

    static let post = Shape<Bounty>("BountyPost") { common }

    static let task = Shape<Bounty>("BountyTask") {
        common
        field("priority", .choice) { $0.priority }
        field("labels", labels) { $0.labels }
        field("repo_url", .nullable(repoURL)) { $0.repoURL }
        field("branch", .nullable(branch)) { $0.branch }
        field("pr_url", .nullable(url)) { $0.prURL }
        field("estimated_effort", .nullable(effort)) { $0.estimatedEffort }
    }

    /// `{ok, item}`, as claim, assign, complete and changes of a task answer.
    static let changed = Shape<Bounty> {
        constant("ok", true)
        field("item", task) { $0 }
    }

    static let done = Shape<Void> { constant("ok", true) }

    /// Where a list goes on, bound to its order.
    static let place = Cursor<ListPlace> { at in
        "\(at.list):\(at.place.group):\(at.place.points):\(at.place.id)"
    } place: { text in
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, let group = Int64(parts[1]), let points = Int64(parts[2]), let id = Int64(parts[3]),
            (0...7).contains(group), points > 0, id > 0
        else { return nil }
        return ListPlace(list: String(parts[0]), place: BountyPlace(group: group, points: points, id: id))
    }
}

/// A place in one of the lists of tasks: the list's name, and the task after which it goes on.
struct ListPlace: Sendable {
    let list: String
    let place: BountyPlace
}

extension Format where Value == String {
    /// A branch of git.
    fileprivate static var branch: Format {
        checked(.string(1...255).example("main")) { text throws(FieldError) in
            guard BranchName(text) != nil else {
                throw .invalid("must be the name of a branch of git, at most 255 bytes")
            }
        }
    }

    /// Where a repository is. Whether it may be fetched from there, the worker's own rules say.
    fileprivate static var repository: Format {
        checked(.string(1...2_048, pattern: "^((https|http)://[^/]|file:///.)").example("https://example.org/ada/fold"))
        { text throws(FieldError) in
            let places = ["https://", "http://", "file:///"].compactMap { scheme in
                text.hasPrefix(scheme) ? text.dropFirst(scheme.count) : nil
            }
            guard text.utf8.count <= 2_048, text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }), let place = places.first,
                !place.isEmpty, text.hasPrefix("file:") || !place.hasPrefix("/")
            else { throw .invalid("must be an https, http or file URL of at most 2,048 visible ASCII characters") }
        }
    }
}

extension Listing where Item == Bounty {
    static func shape(_ sorts: [String], of item: Shape<Bounty>) -> Shape<Listing> {
        Shape {
            field("sort", Shape<String>(.options(sorts)) { $1.string($0) }) { $0.sort }
            field("limit", .integer(1...100)) { Int64($0.limit) }
            field("items", .array(item)) { $0.page.items }
            field("next_cursor", .nullable(.string)) { $0.page.next }
        }
    }

    /// What fits of the tasks that were found; one more than fits tells that there is another page.
    init(_ found: [Bounty], sort: String, limit: Int, list: String, order: BountyOrder) {
        let shown = found.count > limit ? Array(found.prefix(max(0, limit))) : found
        let next = found.count > limit ? shown.last.map { BountyPlace($0, in: order) } : nil
        self.init(sort: sort, limit: limit, items: shown, next: next.map { ListPlace(list: list, place: $0) })
    }

    init(sort: String, limit: Int, items: [Bounty], next: ListPlace?) {
        self.init(
            sort: sort, limit: limit,
            page: CutPage(items: items, next: next.map { Cursor<ListPlace>.wrap(BountyShapes.place.text($0)) }))
    }
}

extension Change {
    /// The other one, where this one says nothing.
    func or(_ other: Change) -> Change {
        if case .keep = self { other } else { self }
    }
}

extension MemberContext {
    var memberID: MemberID { MemberID(owner.text) }
}

extension Call {
    /// The post or task that the path names; throws 404 for what can't be one.
    func bountyID(_ what: String = "post") throws -> Int64 {
        guard let id = try decimalID("post") else { throw Refusal.notFound(what) }
        return id
    }

    /// Where the list of this name goes on.
    func place(in list: String) throws(FieldError) -> BountyPlace? {
        guard let text = try query["cursor"] else { return nil }
        let at = try BountyShapes.place.read(text)
        guard at.list == list else { throw .foreignCursor }
        return at.place
    }
}
