import Foundation

/// The working copy these tests were built from.
enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Every Swift file of ours.
    static let sources: [Source] = {
        let rooms = ["Scheduler", "Workers", "API", "Ops", "Tests"].flatMap { files(under: $0) }
        return (["Package.swift"] + rooms.sorted()).filter { $0.hasSuffix(".swift") }.compactMap { path in
            read(path).map { Source(path, $0) }
        }
    }()

    static func read(_ path: String) -> String? {
        try? String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    static func files(under folder: String) -> [String] {
        let base = root.appending(path: folder).path()
        let found = FileManager.default.enumerator(atPath: base)?.compactMap { $0 as? String } ?? []
        return found.map { "\(folder)/\($0)" }
    }

    /// The folders of `API` that hold a system: `API/Inkling/InklingSystem.swift`.
    static let systems: [String] = sources.compactMap { source in
        let parts = source.path.split(separator: "/")
        return parts.count == 3 && parts[0] == "API" && parts[2] == "\(parts[1])System.swift" ? String(parts[1]) : nil
    }

    static var topLevel: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: root.path()).sorted()) ?? []
    }
}
