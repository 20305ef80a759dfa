/// A test runner whose summary can be read.
enum TestRunner: String, Sendable, CaseIterable {
    case pytest, unittest
    case node = "node --test"
    case jest, mocha
    case go = "go test"
    case cargo = "cargo test"
    case swift = "swift test"
    case prove
    case tap = "TAP"

    func makeSummary(isVerbose: Bool) -> any TestSummary {
        switch self {
        case .pytest: PytestSummary()
        case .unittest: UnittestSummary()
        case .node: NodeSummary()
        case .jest: JestSummary()
        case .mocha: MochaSummary()
        case .go: isVerbose ? GoTestSummary() : GoPackageSummary()
        case .cargo: CargoSummary()
        case .swift: SwiftSummary()
        case .prove: ProveSummary()
        case .tap: TAPSummary()
        }
    }

    /// What a simple command runs.
    enum Named: Equatable {
        case runner(TestPlan.Runner)
        /// The text of `sh -c`.
        case shell(String)
        /// A script of `package.json`, or a runner if there is no such script.
        case script(name: String, fallback: TestPlan.Runner?)
    }

    /// - Parameter words: of a simple command, with the assignments and programs that run others before it.
    static func named(by words: [String]) -> Named? {
        var words = words[...]
        for _ in 0..<8 where skipWrapper(&words) {}
        guard let first = words.popFirst() else { return nil }
        let program = base(first)
        switch program {
        case "sh", "bash", "dash":
            if words.first == "-c" || words.first == "-ec", let text = words.dropFirst().first { return .shell(text) }
            return file(words)
        case "perl", "ruby": return file(words)
        case "npm", "yarn", "pnpm": return script(words, of: program)
        default: return runner(program, words).map { .runner($0) } ?? (isTAP(first) ? .runner(anyTAP) : nil)
        }
    }

    private static let anyTAP = TestPlan.Runner(kind: .tap)

    private static func runner(_ program: String, _ words: ArraySlice<String>) -> TestPlan.Runner? {
        switch program {
        case "pytest", "py.test": return TestPlan.Runner(kind: .pytest)
        case "python", "python3": return python(words)
        case _ where program.hasPrefix("python3."): return python(words)
        case "coverage" where words.first == "run": return python(words.dropFirst())
        case "node", "nodejs": return node(words)
        case "jest", "jest.js": return TestPlan.Runner(kind: .jest)
        case "mocha", "_mocha", "mocha.js": return TestPlan.Runner(kind: hasTAPReporter(words) ? .tap : .mocha)
        case "go" where words.first == "test":
            let flags: Set = ["-v", "-v=true", "-json", "-test.v", "--v", "--json", "-v=test2json"]
            return TestPlan.Runner(kind: .go, isVerbose: words.contains { flags.contains($0) })
        case "cargo":
            let command = words.first { !$0.hasPrefix("+") && !$0.hasPrefix("-") }
            return command == "test" || command == "t" ? TestPlan.Runner(kind: .cargo) : nil
        case "swift" where words.first == "test": return TestPlan.Runner(kind: .swift)
        case "prove": return TestPlan.Runner(kind: .prove)
        case "tap", "tape", "bats": return anyTAP
        default: return hasTAPReporter(words) ? anyTAP : nil
        }
    }

    private static func python(_ words: ArraySlice<String>) -> TestPlan.Runner? {
        guard let option = words.firstIndex(of: "-m") else {
            return words.first { !$0.hasPrefix("-") }.flatMap { isTAP($0) ? anyTAP : nil }
        }
        switch words[option...].dropFirst().first {
        case "pytest", "py.test": return TestPlan.Runner(kind: .pytest)
        case "unittest": return TestPlan.Runner(kind: .unittest)
        case "coverage": return python(words[option...].dropFirst(2))
        default: return nil
        }
    }

    private static func node(_ words: ArraySlice<String>) -> TestPlan.Runner? {
        if words.contains("--test") { return TestPlan.Runner(kind: .node) }
        guard let index = words.firstIndex(where: { !$0.hasPrefix("-") }) else { return nil }
        let program = base(words[index])
        guard ["jest", "jest.js", "mocha", "_mocha", "mocha.js", "tape", "tap"].contains(program) else { return nil }
        return runner(program, words[index...].dropFirst())
    }

    /// A test file, which by its name prints TAP.
    private static func file(_ words: ArraySlice<String>) -> Named? {
        let isTest = words.first { !$0.hasPrefix("-") }.map { isTAP($0) } ?? false
        return isTest || hasTAPReporter(words) ? .runner(anyTAP) : nil
    }

    private static func isTAP(_ path: String) -> Bool {
        path.hasSuffix(".t") || path.hasSuffix(".tap") || path.hasSuffix(".bats")
    }

    private static func hasTAPReporter(_ words: ArraySlice<String>) -> Bool {
        let isOption = words.contains { ["--tap", "--reporter=tap", "-Rtap", "--format=tap"].contains($0) }
        let isPair = zip(words, words.dropFirst()).contains { option, value in
            ["--reporter", "-R", "--format"].contains(option) && value == "tap"
        }
        return isOption || isPair
    }

    private static func script(_ words: ArraySlice<String>, of program: String) -> Named? {
        var words = words
        while let word = words.first, word.hasPrefix("-") { words.removeFirst() }
        guard let command = words.popFirst() else { return nil }
        switch command {
        case "test", "t", "tst": return .script(name: "test", fallback: nil)
        case "run", "run-script":
            return words.first { !$0.hasPrefix("-") }.map { .script(name: $0, fallback: nil) }
        // `yarn jest` is a script of that name, or else the program.
        case _ where program != "npm": return .script(name: command, fallback: runner(base(command), words))
        default: return nil
        }
    }

    /// Removes what runs another program; returns whether there was something.
    private static func skipWrapper(_ words: inout ArraySlice<String>) -> Bool {
        guard let first = words.first else { return false }
        if isAssignment(first) {
            words.removeFirst()
            return true
        }
        let second = words.dropFirst().first
        switch (base(first), second) {
        case ("poetry", "run"), ("uv", "run"), ("pipenv", "run"), ("pdm", "run"), ("rye", "run"), ("hatch", "run"),
            ("bundle", "exec"), ("npm", "exec"), ("pnpm", "exec"), ("yarn", "exec"), ("pnpm", "dlx"), ("yarn", "dlx"):
            words.removeFirst(2)
        case ("env", _), ("exec", _), ("command", _), ("time", _), ("nice", _), ("nohup", _), ("npx", _), ("bunx", _),
            ("xvfb-run", _), ("stdbuf", _), ("timeout", _), ("!", _):
            words.removeFirst()
            while let option = words.first, option.hasPrefix("-") { words.removeFirst() }
            if base(first) == "timeout", words.first?.utf8.first.map({ (0x30...0x39).contains($0) }) == true {
                words.removeFirst()
            }
        default: return false
        }
        while words.first == "--" { words.removeFirst() }
        return true
    }

    private static func isAssignment(_ word: String) -> Bool {
        guard let mark = word.firstIndex(of: "="), mark > word.startIndex else { return false }
        return word[..<mark].utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
        }
    }

    private static func base(_ path: String) -> String {
        path.split(separator: "/").last.map { String($0) } ?? path
    }
}
