extension Transaction {
    /// Puts what members are called, their handles or else their ids, where their ids stand.
    ///
    ///     try putHandles(in: &comments) { $0.author = $1($0.author) }
    func putHandles<Item>(
        in items: inout [Item], _ put: (_ item: inout Item, _ handle: (_ id: String) -> String) -> Void
    ) throws {
        var ids: Set<String> = []
        for index in items.indices {
            put(&items[index]) { id in
                ids.insert(id)
                return id
            }
        }
        let handles = try handles(of: ids)
        for index in items.indices { put(&items[index]) { handles[$0] ?? $0 } }
    }

    private func handles(of ids: Set<String>) throws -> [String: String] {
        var found = handleCache?.recall(ids) ?? [:]
        guard found.count < ids.count else { return found }
        try SQL.chunked(ids.filter { found[$0] == nil }.sorted()) { chunk in
            let read = try rows("SELECT id, COALESCE(handle, id) FROM members WHERE id \(in: chunk)") { row in
                try (id: row.text(), handle: row.text())
            }
            handleCache?.remember(read)
            for (id, handle) in read { found[id] = handle }
        }
        return found
    }
}
