extension Rule {
    /// Which modules of ours each room may know (ARCHITECTURE, "The tree"). The executable knows all.
    static let knownModules: [(room: String, modules: Set<String>)] = [
        ("Scheduler/Domain/", []),
        ("Scheduler/Bytes/", []),
        ("Scheduler/Store/", ["Domain", "Bytes"]),
        ("Scheduler/Bus/", ["Domain"]),
        ("Scheduler/Engine/", ["Domain", "Bytes", "Store", "Bus"]),
        ("Workers/Wire/", ["Domain", "Bytes"]),
        ("Workers/Runtime/", ["Domain", "Bytes", "Wire"]),
        ("Workers/Sandbox/", ["Bytes"]),
        ("Workers/Egress/", []),
        ("Workers/Executors/", ["Domain", "Bytes", "Wire", "Runtime", "Sandbox", "Egress"]),
        ("API/", ["Domain", "Bytes", "Store", "Bus", "Engine", "Wire"]),
        ("Tests/Tidy/", []),
    ]

    private static let ownModules: Set<String> = [
        "Domain", "Bytes", "Store", "Bus", "Engine", "Wire", "Runtime", "Sandbox", "Egress", "Executors", "API",
        "hatchfarm", "Support",
    ]

    static let directions = Rule(
        remedy: "Dependencies point one way: give this room a value or a closure instead, or move the code."
    ) { source in
        guard let room = knownModules.first(where: { source.path.hasPrefix($0.room) }) else { return [] }
        return source.imports.compactMap { line, module in
            guard ownModules.contains(module), !room.modules.contains(module) else { return nil }
            return (line, "\(room.room) may not import \(module)")
        }
    }

    static let pureDomain = Rule(remedy: "The domain is pure values: let the caller pass in what it needs.") { source in
        guard source.path.hasPrefix("Scheduler/Domain/") else { return [] }
        return source.imports.map { ($0.line, "import \($0.text) in the domain") }
    }

    /// The one folder that may import each foreign module.
    private static let homes = [
        "CLibPQ": "Scheduler/Store/Postgres/", "GRDB": "Scheduler/Store/SQLite/",
        "GRDBSQLite": "Scheduler/Store/SQLite/", "CHiredis": "Scheduler/Bus/",
        "CSodium": "Scheduler/Bytes/", "CZstd": "Scheduler/Bytes/", "CZlib": "Scheduler/Bytes/",
        "CQuota": "Workers/Sandbox/Files/",
    ]

    static let foreignModules = Rule(
        remedy: "Call what its own folder offers, or add what is missing there."
    ) { source in
        source.imports.compactMap { line, module in
            guard let home = homes[module], !source.path.hasPrefix(home) else { return nil }
            return (line, "\(module) is imported only in \(home)")
        }
    }

    private static let sqlFolders = [
        "Scheduler/Store/Tables/", "Scheduler/Store/Queries/", "Scheduler/Store/Migrations/",
        "Scheduler/Store/SQLite/", "Scheduler/Store/Postgres/", "Tests/",
    ]

    static let sqlPlaces = Rule(
        remedy: "Writes belong in Scheduler/Store/Tables, lists in Scheduler/Store/Queries: call a function there."
    ) { source in
        guard !source.isIn(sqlFolders) else { return [] }
        let statement =
            #/
            ( SELECT | INSERT\ (OR\ \w+\ )?INTO | UPDATE\ \w+ | DELETE\ FROM | WITH\ (RECURSIVE\ )?\w+
            | CREATE\ ((UNIQUE\ )?INDEX | TABLE) | (ALTER|DROP)\ (TABLE|INDEX) )\b
            /#
        return source.literals.compactMap { literal in
            let text = literal.text.drop { $0.isWhitespace }
            return text.prefixMatch(of: statement).map { (literal.line, "SQL outside its rooms: \($0.output.0)") }
        }
    }

    static let internalTables = Rule(
        remedy: "What others call is an operation (Scheduler/Store/Operations) or a query (Scheduler/Store/Queries)."
    ) { source in
        guard source.path.hasPrefix("Scheduler/Store/Tables/") else { return [] }
        let functions = source.matches(#"^[ \t]*package[ \t]+((?:static[ \t]+)?func[ \t]+\w+)"#)
        return functions.map { ($0.line, "\($0.text) of a table is not internal") }
    }

    /// - Parameter systems: the folders of `API` that hold a system (`Tree.systems`).
    static func separateSystems(_ systems: [String]) -> Rule {
        Rule(remedy: "What two systems share is an operation or a file in API/Server.") { source in
            guard let own = systems.first(where: { source.path.hasPrefix("API/\($0)/") }) else { return [] }
            let others = systems.filter { $0 != own }.joined(separator: "|")
            return source.matches(#"\b((?:\#(others))\w*)"#).map { ($0.line, "\(own) names \($0.text)") }
        }
    }
}
