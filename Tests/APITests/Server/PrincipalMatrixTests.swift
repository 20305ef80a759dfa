import API
import Logging
import Store
import Support
import Testing

/// Every route × every principal: the status is stated (`PrincipalTable`), tried over a socket, and what was refused
/// has changed nothing, in any table (PROMISES S1, S2, X1).
@Suite("The matrix of routes and principals", .timeLimit(.minutes(5)))
struct PrincipalMatrixTests {
    @Test("states every cell of every route, and of nothing else")
    func whole() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let app = App(
                plane.dependencies, systems: APISystem.all,
                logger: Logger(label: "api") { _ in SwiftLogNoOpLogHandler() })
            // `/v1` is another name of `/api/v1`.
            let routes = Set(app.routes.map { $0.replacing(" /v1/", with: " /api/v1/") })
            let rows = PrincipalTable.all.flatMap(\.rows)
            #expect(routes.subtracting(rows.map(\.name)).sorted() == [], "routes without a row")
            #expect(Set(rows.map(\.name)).subtracting(routes).sorted() == [], "rows without a route")
            #expect(Set(rows.map(\.name)).count == rows.count)
            for row in rows { #expect(row.statuses.count == Principal.columns.count, "\(row.name)") }
            let calls = Set(PrincipalCall.all.keys)
            #expect(calls.subtracting(rows.map(\.name)).sorted() == [], "calls without a row")
        }
    }

    @Test("would see a change in any row", arguments: TestDatabase.all)
    func contents(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (store, maya) = (plane.dependencies.database, try await plane.agent("Maya"))
            var before = try await DatabaseContents.read(store)
            #expect(before.tables.count > 20)
            #expect(try await DatabaseContents.read(store) == before)
            try await store.write { tx in
                try tx.execute("UPDATE members SET description = 'x' WHERE id = \(maya.owner)")
            }
            #expect(try await DatabaseContents.read(store).differences(from: before) == ["members"])
            before = try await DatabaseContents.read(store)
            _ = try await plane.machine(of: maya)
            #expect(
                try await DatabaseContents.read(store).differences(from: before)
                    == ["machine_counts", "machines", "recorded_events", "unsealed_events"])
        }
    }

    @Test("gives each what is stated", arguments: PrincipalTable.all, TestDatabase.all)
    func cells(of table: PrincipalTable, on database: TestDatabase) async throws {
        try await ControlPlane.run(database, Principals.secret) { plane in
            let principals = try await Principals(plane)
            for row in table.rows {
                let stated = Dictionary(uniqueKeysWithValues: zip(Principal.columns, row.statuses))
                let cells =
                    Principal.columns.map { ($0, stated[$0] ?? 0) } + Principal.alike.map { ($0, stated[$1] ?? 0) }
                try await refused(cells.filter { $0.1 >= 400 }, row, principals)
                for (principal, status) in cells where status < 400 {
                    let call = try await PrincipalCall.all[row.name]?(principals) ?? PrincipalCall()
                    let reply = try await send(call, row, principal, principals)
                    #expect(reply.status == status, "\(row.name) by \(principal): \(reply.text.prefix(300))")
                }
            }
        }
    }

    private func refused(
        _ cells: [(Principal, Int)], _ row: PrincipalTable.Row, _ principals: Principals
    ) async throws {
        guard !cells.isEmpty else { return }
        let call = try await PrincipalCall.all[row.name]?(principals) ?? PrincipalCall()
        let before = try await DatabaseContents.read(principals.plane.dependencies.database)
        for (principal, status) in cells {
            let reply = try await send(call, row, principal, principals)
            #expect(reply.status == status, "\(row.name) by \(principal): \(reply.text.prefix(300))")
        }
        let after = try await DatabaseContents.read(principals.plane.dependencies.database)
        #expect(after.differences(from: before) == [], "\(row.name), refused, changed something")
    }

    private func send(
        _ call: PrincipalCall, _ row: PrincipalTable.Row, _ principal: Principal, _ principals: Principals
    ) async throws -> PlaneReply {
        try await principals.plane.send(
            row.method, call.path(row.path), principals.headers(of: principal) + call.headers,
            bytes: call.body(principal), base: "")
    }
}
