internal import Bytes

/// A path below a work folder: relative, without `.`, `..` or empty parts, so that it can't name anything outside.
package struct RelativePath: Sendable, Equatable {
    let folders: [String]
    let name: String
    package let text: String

    /// As `String.isJobPath` has it, for the server and for this end.
    package init(_ text: String) throws(FileProblem) {
        guard text.isJobPath, let names = text.pathParts, let name = names.last else { throw .invalidPath }
        self.folders = Array(names.dropLast())
        self.name = name
        self.text = text
    }
}
