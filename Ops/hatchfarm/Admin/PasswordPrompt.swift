internal import Bytes
internal import Glibc

/// Reads a password from the terminal, or from standard input.
enum PasswordPrompt {
    /// On a terminal it prompts twice, without echo; otherwise it reads the first line of standard input. Throws
    /// `.invalid` if it is missing or the two differ, `CancellationError` on Ctrl-C.
    static func read() throws -> String {
        guard isatty(STDIN_FILENO) == 1 else { return try text(line { _ in }) }
        let first = try hidden("Password: ")
        guard try hidden("Repeat password: ") == first else { throw Failure.invalid("the passwords differ") }
        return first
    }

    /// Reads an API key in the same way, but prompts once.
    static func key() throws -> String {
        let typed = try isatty(STDIN_FILENO) == 1 ? hidden("API key: ") : text(line { _ in })
        let key = typed.trimmed
        guard !key.isEmpty, key.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
            throw Failure.invalid("the API key must be visible ASCII characters")
        }
        return key
    }

    /// Reads a password and returns its Argon2id hash; warns if it is short. Throws `.invalid` if it is too long.
    static func hash() throws -> String {
        let password = try read()
        guard (1...Password.longest).contains(password.utf8.count) else {
            throw Failure.invalid("the password must be 1 to \(Password.longest) bytes long")
        }
        if password.count < recommendedLength {
            Output.error("warning: a password of fewer than \(recommendedLength) characters is easy to guess")
        }
        guard let hash = Password.hash(password) else {
            throw Failure.unreachable("not enough memory to hash the password")
        }
        return hash
    }

    /// NIST SP 800-63B, 3.1.1.2.
    private static let recommendedLength = 8

    private static func hidden(_ prompt: String) throws -> String {
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else {
            throw Failure.invalid("cannot disable echo on this terminal")
        }
        var quiet = before
        // Signal keys are read as characters, so that Ctrl-C doesn't leave echo disabled.
        quiet.c_lflag &= ~tcflag_t(ECHO | ISIG | ICANON)
        guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0 else {
            throw Failure.invalid("cannot disable echo on this terminal")
        }
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            Output.errorText("\n")
        }
        Output.errorText(prompt)
        return try text(line(edit))
    }

    private static func text(_ bytes: [UInt8]) throws(Failure) -> String {
        guard let text = String(validating: bytes, as: UTF8.self), !text.isEmpty, !bytes.contains(0) else {
            throw .invalid("the password must be non-empty UTF-8 text")
        }
        return text
    }

    /// Reads up to the end of the line. `edit` is called after each byte.
    private static func line(_ edit: (inout [UInt8]) throws -> Void) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count <= maxBytes {
            var byte: UInt8 = 0
            let count = Glibc.read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1, byte != UInt8(ascii: "\n") else { break }
            bytes.append(byte)
            try edit(&bytes)
        }
        return bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes
    }

    /// Line editing as by the terminal: erases a character or the line, or cancels.
    private static func edit(_ bytes: inout [UInt8]) throws {
        switch bytes.last {
        case 0x03, 0x04, 0x1C: throw CancellationError()
        case 0x7F, 0x08:
            bytes.removeLast()
            // All bytes of a multi-byte character.
            while let byte = bytes.popLast(), byte & 0xC0 == 0x80 {}
        case 0x15: bytes = []
        default: break
        }
    }

    private static let maxBytes = 4_096
}
