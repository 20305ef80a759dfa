import Bytes
import Testing

@Suite("What texts from outside may look like")
struct TextRuleTests {
    @Test(
        "white space at the ends goes, that in the middle stays",
        arguments: [
            ("", ""), (" \t\n", ""), ("a", "a"), ("  a b\u{a0}\n", "a b"), ("\u{3000}é", "é"),
        ])
    func trimmed(text: String, expected: String) { #expect(text.trimmed == expected) }

    @Test("words are letters, digits and four signs")
    func words() {
        for text in ["a", "Z9", "a.b_c-d:e"] { #expect(text.isWord, "\(text)") }
        for text in ["a b", "é", "a/b", "@", "[", "`", "{", "a\n"] { #expect(!text.isWord, "\(text)") }
    }

    @Test("a variable's name begins with no digit")
    func variables() {
        for text in ["A", "_", "a1", "PATH_2"] { #expect(text.isVariableName, "\(text)") }
        for text in ["", "1a", "a-b", "a.b", "a:b", "a=b", "é", "a b"] { #expect(!text.isVariableName, "\(text)") }
    }

    @Test("a job's path stays below its folder, byte by byte")
    func paths() {
        let longest = Array(repeating: String(repeating: "a", count: 127), count: 4).joined(separator: "/")
        for text in ["a", "a/b.txt", "..a/b..", "é/\u{301}", "a\u{a0}b", longest, String(repeating: "b", count: 255)] {
            #expect(text.isJobPath, "\(text)")
        }
        let hostile = [
            "", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a/..", "a\nb", "a\u{7f}", "a\0b",
            "a\\b", "..\\b", "\u{80}", "a\u{9f}b", "\u{1b}[2J",
            // To Swift the second slash and the mark are one character that is no slash.
            "a//\u{301}b", longest + "/a", String(repeating: "b", count: 256),
            Array(repeating: "d", count: 33).joined(separator: "/"),
        ]
        for text in hostile { #expect(!text.isJobPath, "\(text)") }
        #expect("a/b".pathParts == ["a", "b"])
    }
}
