/// What stands at the top of the repository.
enum TopLevel {
    static let allowed: Set<String> = [
        "API", "Ops", "Scheduler", "Tests", "Workers", "Package.swift", "Package.resolved", "README.md", "LICENSE",
        ".ci", ".gitignore", ".swift-format",
    ]

    /// What git, SwiftPM and a server started here leave behind; all are ignored by git.
    static let left: Set<String> = [
        ".git", ".build", ".swiftpm", ".devlogs", "hatchfarm-data", "hatchfarm.db", "hatchfarm.db-wal",
        "hatchfarm.db-shm",
    ]

    static func findings(in names: [String]) -> [Finding] {
        names.filter { !allowed.contains($0) && !left.contains($0) }.map { name in
            Finding(
                path: name, line: 1, detail: "\(name) at the top of the repository",
                remedy: "Put it into one of Scheduler, Workers, API, Ops, Tests.")
        }
    }
}

/// A migration that once ran is history: the lock holds the digest of each file.
enum MigrationLock {
    static let path = "Tests/Tidy/migrations.lock"
    static let folder = "Scheduler/Store/Migrations"

    /// Lines as `sha256sum` prints them: digest, two spaces, path. `#` begins a comment.
    static func findings(lock: String, migrations: [Source]) -> [Finding] {
        var locked: [String: (line: Int, digest: String)] = [:]
        var findings: [Finding] = []
        for (index, line) in lock.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let parts = line.split(separator: " ")
            guard parts.count == 2, !line.hasPrefix("#") else { continue }
            locked[String(parts[1])] = (index + 1, String(parts[0]))
        }
        for migration in migrations {
            let digest = Digest.sha256(migration.text)
            guard let entry = locked.removeValue(forKey: migration.path) else {
                findings.append(
                    Finding(
                        path: migration.path, line: 1, detail: "a migration that is not locked",
                        remedy: "Append to \(path):\n\(digest)  \(migration.path)"))
                continue
            }
            if entry.digest != digest {
                findings.append(
                    Finding(
                        path: migration.path, line: 1, detail: "a migration was edited after it was locked",
                        remedy: "Restore it and write a new one; databases that ran it never run it again."))
            }
        }
        return findings
            + locked.sorted { $0.value.line < $1.value.line }.map { gone, entry in
                Finding(
                    path: path, line: entry.line, detail: "\(gone) is locked, but gone",
                    remedy: "Restore it: migrations are append-only.")
            }
    }

    /// The files that migrate: `M` and a number.
    static func isMigration(_ path: String) -> Bool {
        path.hasPrefix(folder + "/") && path.split(separator: "/").last?.prefixMatch(of: #/M\d+_/#) != nil
    }
}
