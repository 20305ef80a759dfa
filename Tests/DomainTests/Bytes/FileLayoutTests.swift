import Bytes
import Testing

@Suite("Files that lie together in a folder")
struct FileLayoutTests {
    private func clash(_ paths: [String]) -> FileLayout.Clash? {
        var layout = FileLayout()
        do {
            for path in paths { try layout.add(path) }
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "what can lie beside each other does",
        arguments: [
            [], ["a", "b"], ["a/b", "a/c"], ["a/b/c", "a/b/d", "a/c"], ["a", "ab/c", "a.b/c"], ["a", "A/b"],
            // The same to Swift, and two names to the kernel.
            ["\u{e9}", "e\u{301}/x"], ["x/\u{e9}", "x/e\u{301}"],
        ])
    func harmless(paths: [String]) {
        #expect(clash(paths) == nil)
        #expect(clash(paths.reversed()) == nil)
    }

    @Test("a file can't be another's folder, in whatever order and however deep")
    func folders() {
        #expect(clash(["a", "a/b"]) == .isBelow("a"))
        #expect(clash(["a/b", "a"]) == .isFolder(of: "a/b"))
        #expect(clash(["x", "d/e/f/g", "y", "d/e"]) == .isFolder(of: "d/e/f/g"))
        #expect(clash(["d/e", "x", "d/e/f/g"]) == .isBelow("d/e"))
        #expect(clash(["e\u{301}", "e\u{301}/x"]) == .isBelow("e\u{301}"))
        #expect(clash(["a", "b", "a"]) == .namedTwice)
        #expect(clash(["a/b/c", "a/b/c"]) == .namedTwice)
    }

    @Test("a path that is none has no place, and takes nobody else's")
    func invalid() throws {
        var layout = FileLayout()
        let deep = Array(repeating: "d", count: 33).joined(separator: "/")
        for path in ["", "../a", "a//b", deep, "a\\b"] {
            #expect(throws: FileLayout.Clash.invalid) { try layout.add(path) }
        }
        try layout.add(String(deep.dropLast(2)))
        try layout.add("a/b")
        #expect(throws: FileLayout.Clash.isFolder(of: "a/b")) { try layout.add("a") }
        #expect(throws: FileLayout.Clash.isBelow("a/b")) { try layout.add("a/b/c") }
        // Neither of the two left a folder behind.
        try layout.add("a/c")
    }
}
