import Testing

/// Every rule is tried twice: on the tree, where it must find nothing, and on planted text, where it must.
@Suite("The house is tidy")
struct TidyTests {
    private func holds(_ rule: Rule, _ location: SourceLocation = #_sourceLocation) {
        for source in Tree.sources {
            for finding in rule.findings(in: source) { Issue.record("\(finding)", sourceLocation: location) }
        }
    }

    private func report(_ findings: [Finding], _ location: SourceLocation = #_sourceLocation) {
        for finding in findings { Issue.record("\(finding)", sourceLocation: location) }
    }

    @Test("the tree was found")
    func found() {
        #expect(Tree.sources.contains { $0.path == "Package.swift" })
        #expect(Tree.sources.count > 20)
    }

    @Test("no file is over 300 lines, no test over 400")
    func fileLength() { holds(.fileLength) }

    @Test("no line is over 120 columns")
    func lineLength() { holds(.lineLength) }

    @Test("no function is over 70 lines")
    func functionLength() { holds(.functionLength) }

    @Test("SQL is only in tables, queries, migrations and the seam")
    func sqlPlaces() { holds(.sqlPlaces) }

    @Test("the tables' functions are the store's own")
    func internalTables() { holds(.internalTables) }

    @Test("each foreign module is imported in its one folder")
    func foreignModules() { holds(.foreignModules) }

    @Test("the domain imports nothing")
    func pureDomain() { holds(.pureDomain) }

    @Test("modules depend in one direction")
    func directions() { holds(.directions) }

    @Test("no system names another")
    func separateSystems() {
        #expect(Tree.systems.contains("HatchFarm") && Tree.systems.contains("SteelThread"))
        holds(.separateSystems(Tree.systems))
    }

    @Test("clocks, sleep and chance come from the world")
    func oneWorld() { holds(.oneWorld) }

    @Test("no try!")
    func noTry() { holds(.noTry) }

    @Test("nothing in the product is unwrapped by force")
    func noTraps() { holds(.noTraps) }

    @Test("what may trap says why only a start can")
    func reasonedPreconditions() { holds(.reasonedPreconditions) }

    @Test("unchecked concurrency says why it is safe")
    func reasonedSendable() { holds(.reasonedSendable) }

    @Test("nothing is more than package")
    func packageAccess() { holds(.packageAccess) }

    @Test("nothing is left for later")
    func finished() { holds(.finished) }

    @Test("no type is named after nothing")
    func names() { holds(.names) }

    @Test("the top of the repository holds only what belongs there")
    func topLevel() { report(TopLevel.findings(in: Tree.topLevel)) }

    @Test("no migration was edited")
    func migrations() throws {
        let lock = try #require(Tree.read(MigrationLock.path))
        let migrations = Tree.sources.filter { MigrationLock.isMigration($0.path) }
        report(MigrationLock.findings(lock: lock, migrations: migrations))
    }
}
