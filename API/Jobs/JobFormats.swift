internal import Bytes

// The parts of a request for a job that have a form of their own.

extension Input where Value == [String] {
    /// Words of a command, or one line for a shell.
    static var command: Input {
        Input(.either([.array(.string(), 1...1_000), .string(1...65_536)])) { json throws(FieldError) in
            if let line = json.string {
                guard !line.allSatisfy(\.isWhitespace) else { throw .invalid("must not be blank") }
                guard line.unicodeScalars.count <= 65_536 else { throw .outOfRange("at most 65536 characters long") }
                return ["/bin/sh", "-c", line]
            }
            guard let words = json.array?.compactMap(\.string), words.count == json.array?.count else {
                throw .wrongType("a string or an array of strings")
            }
            guard (1...1_000).contains(words.count), let program = words.first, !program.isEmpty else {
                throw .outOfRange("1 to 1000 words, the first not empty")
            }
            return words
        }
    }
}

extension Input where Value == [JSON.Member] {
    /// Variables of the environment.
    static var environment: Input {
        Input(.map(.string())) { json throws(FieldError) in
            guard let members = json.members else { throw .wrongType("an object") }
            guard members.count <= 256 else { throw .outOfRange("at most 256 variables") }
            for member in members {
                guard member.value.string != nil else {
                    throw FieldError(member.key, .wrongType(expected: "a string"))
                }
                guard member.key.utf8.count <= 128, member.key.isVariableName else {
                    throw FieldError(member.key, .invalid("must be a name of letters, digits and _, no digit first"))
                }
            }
            return members
        }
    }
}

extension Format where Value == String {
    /// Letters, digits and `. _ - :`.
    static func word(_ lengths: ClosedRange<Int>) -> Format {
        checked(.string(lengths, pattern: "^[A-Za-z0-9._:-]+$").example("default")) { text throws(FieldError) in
            guard lengths.contains(text.utf8.count), text.isWord else {
                throw .invalid(
                    "must be \(lengths.lowerBound) to \(lengths.upperBound) of letters, digits, '.', '_', '-', ':'")
            }
        }
    }
}
