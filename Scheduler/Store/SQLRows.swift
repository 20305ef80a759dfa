extension SQL {
    /// Rows of values, all of which one statement is about: PostgreSQL is given them at once, a column at a time;
    /// SQLite runs the statement for each of them, in their order. A statement may have one such set, and does nothing
    /// when there are no rows.
    ///
    ///     let ready = SQL.Rows("ready", ["id", "tag"], of: jobs) { [.text($0.id.text), .integer($0.tag)] }
    ///     try tx.execute(
    ///         "UPDATE live_jobs SET tag = \(ready.tag) \(from: ready) WHERE live_jobs.id \(is: ready.id)")
    @dynamicMemberLookup
    package struct Rows: Sendable {
        /// A column by its name, where a statement names it.
        package struct Column: Sendable {
            let rows: Rows
            let name: String
        }

        let alias: StaticString
        let names: [StaticString]
        let cells: [Value]
        let count: Int

        /// - Parameter values: as many as there are columns, of the same types for each item.
        package init<Item>(
            _ alias: StaticString, _ names: [StaticString], of items: some Collection<Item>,
            _ values: (Item) -> [Value]
        ) {
            self.alias = alias
            self.names = names
            var cells: [Value] = []
            cells.reserveCapacity(items.count * names.count)
            for item in items { cells += values(item) }
            self.cells = cells
            count = items.count
        }

        package subscript(dynamicMember name: String) -> Column { Column(rows: self, name: name) }

        /// The cells of a column, top to bottom.
        func column(_ index: Int) -> some Collection<Value> {
            (0..<count).lazy.map { cells[$0 * names.count + index] }
        }

        /// A cell; rows and columns count from 0.
        func cell(_ row: Int, _ column: Int) -> Value { cells[row * names.count + column] }

        /// Whether there are as many cells as there should be.
        var isWhole: Bool { cells.count == count * names.count }
    }
}
