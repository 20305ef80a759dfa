package import Bytes

/// A list that is given in pages, by keyset: its items, and the cursor that names the place after one of them.
package struct PagedList<Item: Sendable, Place: Sendable>: Sendable {
    let success: Success<CutPage<Item>>
    let cursor: Cursor<Place>
    let place: @Sendable (Item) -> Place
    let limit: QueryParameter<Int>
    let defaultLimit: Int

    /// - Parameters:
    ///   - name: of the member that holds the items.
    ///   - limit: how its query parameter is read; nil refuses what is out of `limits`.
    ///   - place: where the list goes on after an item.
    package init(
        _ name: String, of item: Shape<Item>, by cursor: Cursor<Place>, limits: ClosedRange<Int> = 1...100,
        limit: QueryParameter<Int>? = nil, default defaultLimit: Int = 50, tagged: Bool = false,
        _ place: @escaping @Sendable (Item) -> Place
    ) {
        let shape = Shape<CutPage<Item>> {
            field(name, .array(item)) { $0.items }
            field("next_cursor", .nullable(.string)) { $0.next }
        }
        success = tagged ? .tagged(shape) : .ok(shape)
        self.cursor = cursor
        self.place = place
        self.limit = limit ?? .integer("limit", limits, "How many, \(defaultLimit) when absent.")
        self.defaultLimit = defaultLimit
    }

    var parameters: [Route.Parameter] {
        [limit.parameter, .init("cursor", .string(), "The `next_cursor` of the page before.")]
    }

    /// What fits of the items that were found; one more than fits tells that there is another page.
    func cut(_ found: [Item], to page: Page<Place>) -> CutPage<Item> {
        let shown = Array(found.prefix(page.limit))
        let next = found.count > page.limit ? shown.last.map { Cursor<Place>.wrap(cursor.text(place($0))) } : nil
        return CutPage(items: shown, next: next)
    }
}

extension PagedList {
    /// A page whose end the query knows by itself.
    /// - Parameter next: where the list goes on; nil at the end.
    package func page(_ items: [Item], next: Place?) -> CutPage<Item> {
        CutPage(items: items, next: next.map { Cursor<Place>.wrap(cursor.text($0)) })
    }
}

/// The items of one page, and the cursor of the next; nil at the end.
package struct CutPage<Item: Sendable>: Sendable {
    let items: [Item]
    let next: String?
}

/// Which page of a list is asked for.
package struct Page<Place: Sendable>: Sendable {
    package let limit: Int
    /// Where the page before ended.
    package let after: Place?

    /// How many items to look for: one more than fits.
    package var wanted: Int { limit + 1 }
}

/// How a place in a list is written: opaque to callers, who only hand it back.
package struct Cursor<Place: Sendable>: Sendable {
    let text: @Sendable (Place) -> String
    /// nil for anything that `text` can't have made.
    let place: @Sendable (String) -> Place?

    package init(
        text: @escaping @Sendable (Place) -> String, place: @escaping @Sendable (String) -> Place?
    ) {
        self.text = text
        self.place = place
    }

    static func wrap(_ text: String) -> String { Base64.encodeURL(Array(text.utf8)) }

    /// nil for anything that `wrap` can't have made of printable text.
    static func unwrap(_ text: String) -> String? {
        guard (1...512).contains(text.utf8.count), let bytes = Base64.decodeURL(text), !bytes.isEmpty,
            bytes.allSatisfy({ 0x21...0x7E ~= $0 })
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Throws `FieldError` for what this list didn't give.
    func read(_ cursor: String) throws(FieldError) -> Place {
        guard let place = Self.unwrap(cursor).flatMap(place) else { throw .foreignCursor }
        return place
    }
}

extension FieldError {
    /// For a cursor that another list or another order gave.
    package static let foreignCursor = FieldError("cursor", .invalid("is not a valid cursor for this list"))
}

extension Cursor {
    /// Two places as one: `1760000000000:wdr_0123456789abcdef`.
    package static func pair<First, Second>(
        _ first: Cursor<First>, _ second: Cursor<Second>
    ) -> Cursor where Place == (First, Second) {
        Cursor {
            "\(first.text($0.0)):\(second.text($0.1))"
        } place: { text in
            guard let colon = text.firstIndex(of: ":"), let left = first.place(String(text[..<colon])),
                let right = second.place(String(text[text.index(after: colon)...]))
            else { return nil }
            return (left, right)
        }
    }
}

extension Cursor where Place == String {
    package static let text = Cursor {
        $0
    } place: {
        $0
    }
}

extension Cursor where Place == Int64 {
    package static let integer = Cursor {
        String($0)
    } place: { text in
        Int64(text).flatMap { String($0) == text ? $0 : nil }
    }
}

extension Call {
    func page<Item, Place>(of list: PagedList<Item, Place>) throws(FieldError) -> Page<Place> {
        let query = try self.query
        let limit = try query[list.limit] ?? list.defaultLimit
        let after = try query["cursor"].map { text throws(FieldError) in try list.cursor.read(text) }
        return Page(limit: limit, after: after)
    }
}
