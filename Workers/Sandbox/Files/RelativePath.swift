/// A path below a work folder: relative, without `.`, `..` or empty parts, so that it can't name anything outside.
package struct RelativePath: Sendable, Equatable {
    let folders: [String]
    let name: String
    package let text: String

    /// At most 1,024 bytes, 32 parts, 255 bytes a part.
    package init(_ text: String) throws(FileProblem) {
        // By bytes, as the kernel does: to Swift, a slash with a combining mark is no slash.
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let names = parts.map { String(decoding: $0, as: UTF8.self) }
        let isPlain = names.allSatisfy { name in
            (1...255).contains(name.utf8.count) && name != "." && name != ".." && !name.utf8.contains(0)
        }
        guard text.utf8.count <= 1_024, names.count <= 32, isPlain, let name = names.last else { throw .invalidPath }
        self.folders = Array(names.dropLast())
        self.name = name
        self.text = text
    }
}
