/// The simple commands of a shell text, as far as that is needed to see which program it runs: words, quotes and
/// separators. Expansions stay as they are written, and a text that can't be read gives fewer commands, never more.
struct ShellWords: Sendable, Equatable {
    private(set) var commands: [[String]] = []

    init(_ text: String) {
        var command: [String] = []
        var word: [UInt8]?
        var quote: UInt8?
        var isEscaped = false
        var isComment = false
        func endWord() {
            if let bytes = word { command.append(String(decoding: bytes, as: UTF8.self)) }
            word = nil
        }
        func endCommand() {
            endWord()
            if !command.isEmpty { commands.append(command) }
            command = []
        }
        for byte in text.utf8 {
            if isComment {
                if byte == UInt8(ascii: "\n") { isComment = false }
            } else if isEscaped {
                isEscaped = false
                if byte != UInt8(ascii: "\n") { word = (word ?? []) + [byte] }
            } else if byte == UInt8(ascii: "\\"), quote != UInt8(ascii: "'") {
                isEscaped = true
            } else if let open = quote {
                if byte == open { quote = nil } else { word?.append(byte) }
            } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
                quote = byte
                word = word ?? []
            } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") {
                endWord()
            } else if byte == UInt8(ascii: "#"), word == nil {
                isComment = true
            } else if Self.separators.contains(byte) {
                endCommand()
            } else {
                word = word ?? []
                word?.append(byte)
            }
        }
        endCommand()
    }

    private static let separators = Set("\n\r;&|(){}".utf8)
}
