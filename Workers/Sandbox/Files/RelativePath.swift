internal import Bytes

/// A path below a work folder: relative, without `.`, `..` or empty parts, so that it can't name anything outside.
package struct RelativePath: Sendable, Equatable {
    let folders: [String]
    let name: String
    package let text: String

    /// At most 1,024 bytes, 32 parts, 255 bytes a part.
    package init(_ text: String) throws(FileProblem) {
        guard text.utf8.count <= 1_024, let names = text.pathParts, names.count <= 32, let name = names.last else {
            throw .invalidPath
        }
        self.folders = Array(names.dropLast())
        self.name = name
        self.text = text
    }
}
