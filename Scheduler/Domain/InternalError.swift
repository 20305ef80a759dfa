/// A bug of ours: something that the code relies on is not so. It is thrown, never trapped: the transaction rolls back,
/// the caller is answered with 500, and it is logged and counted. Preconditions are for mistakes that show at start-up.
package struct InternalError: Error, Sendable, CustomStringConvertible {
    package let message: String
    private let file: StaticString
    private let line: UInt

    /// - Parameter message: what is not so, for the log.
    package init(_ message: String, file: StaticString = #fileID, line: UInt = #line) {
        self.message = message
        self.file = file
        self.line = line
    }

    package var description: String { "\(message) (\(file):\(line))" }
}
