extension Rule {
    static let oneWorld = Rule(
        remedy: "Take a World (Scheduler/Bytes/World.swift) and ask its clock or its chance."
    ) { source in
        guard source.path != "Scheduler/Bytes/World.swift" else { return [] }
        let calls = source.matches(#"(\bDate(?:\(\)|\.now\b)|\bUUID\(\)|\bTask(?:<Never, Never>)?\.sleep\b)"#)
        let chances = source.matches(#"((?:\b[A-Z]\w*|(?<=[ (,=:]))\.random\([^()]*(?:\([^()]*\)[^()]*)*\))"#)
            .filter { !$0.text.contains("using:") }
        let shuffles = source.matches(#"(\.(?:randomElement|shuffled|shuffle)\(\))"#)
        return (calls + chances + shuffles).map { ($0.line, "\($0.text) outside the world") }
    }

    static let noTry = Rule(remedy: "Throw, or handle the error: in Swift a trap kills the server.") { source in
        source.matches(#"(\btry!)"#).map { ($0.line, "try!") }
    }

    static let noTraps = Rule(
        remedy: "Bind it with guard or if: what comes from outside must not kill the server."
    ) { source in
        guard source.isProduct else { return [] }
        let unwraps = source.matches(#"([\w`]+!|[)\]}>?]!)(?!=)"#).filter { !["try!", "as!"].contains($0.text) }
        let others = source.matches(#"(\bas!|\bfatalError\b|\bunowned\b|\.unsafelyUnwrapped\b)"#)
        return (unwraps + others).map { ($0.line, "\($0.text) can trap") }
    }

    static let reasonedPreconditions = Rule(
        remedy: "Throw InternalError: that costs one request, not the server. "
            + "Or say in a comment before it why only a start can fail here."
    ) { source in
        guard source.isProduct else { return [] }
        let traps = source.matches(#"\b(precondition(?:Failure)?|assert(?:ionFailure)?)\("#)
        return traps.compactMap { line, text in
            let nearby = source.lines[max(0, line - 2)..<line]
            return nearby.contains { $0.contains("//") } ? nil : (line, "\(text) without a reason")
        }
    }

    static let reasonedSendable = Rule(
        remedy: "Say in a comment, on the line or the one before, what makes it safe."
    ) { source in
        source.matches(#"(@unchecked\s+Sendable|nonisolated\(unsafe\))"#).compactMap { line, text in
            let nearby = source.lines[max(0, line - 2)..<line]
            return nearby.contains { $0.contains("//") } ? nil : (line, "\(text) without a reason")
        }
    }

    static let packageAccess = Rule(remedy: "Nobody links to us: `package` is the widest access.") { source in
        guard source.isProduct else { return [] }
        let declarations = source.matches(#"^[ \t]*(?:@\w+[ \t]+)*(public|open)[ \t]+\w"#)
        return declarations.map { ($0.line, "\($0.text) declaration") }
    }

    static let finished = Rule(remedy: "Do it now, or write an issue.") { source in
        source.lines.enumerated().compactMap { index, line in
            // Spelt apart, so that this rule may be written down.
            let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
            return marks.first { line.contains($0) }.map { (index + 1, "a \($0)") }
        }
    }

    private static let bannedParts: Set<String> = [
        "Manager", "Managers", "Helper", "Helpers", "Util", "Utils", "Utility", "Utilities", "Impl", "Common", "Base",
    ]

    static let names = Rule(remedy: "Name it after what it is or does.") { source in
        let types = source.matches(#"\b(?:class|struct|enum|actor|protocol|typealias)[ \t]+([A-Z]\w*)"#)
        let file = (1, String(source.path.split(separator: "/").last?.prefix { $0 != "." } ?? ""))
        return ([file] + types).compactMap { line, name in
            let part = words(of: name).first { bannedParts.contains($0) }
            return part.map { (line, "\(name) contains \($0)") }
        }
    }

    /// `HTTPLeaseClient` → HTTP, Lease, Client; a number belongs to the word before it.
    static func words(of name: String) -> [String] {
        name.matches(of: #/[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*/#).map { String($0.output) }
    }
}
