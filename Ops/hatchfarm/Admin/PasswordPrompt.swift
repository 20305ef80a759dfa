internal import Bytes
internal import Glibc

/// A password from whoever sits at the terminal, or from what standard input is fed by.
enum PasswordPrompt {
    /// At a terminal it is asked for twice and not shown; else it is the first line of standard input. Throws
    /// `.invalid` when there is none or the two differ, `CancellationError` at Ctrl-C.
    static func ask() throws -> String {
        guard isatty(STDIN_FILENO) == 1 else { return try text(line { _ in }) }
        let first = try hidden("Password: ")
        guard try hidden("Once more: ") == first else { throw Failure.invalid("the two passwords differ") }
        return first
    }

    /// The Argon2id hash of the password that is asked for; a short one gets a warning. Throws `.invalid` when it is
    /// too long.
    static func hash() throws -> String {
        let password = try ask()
        guard (1...Password.longest).contains(password.utf8.count) else {
            throw Failure.invalid("a password has 1 to \(Password.longest) bytes")
        }
        if password.count < advised {
            Output.error("warning: a password of fewer than \(advised) characters is soon guessed")
        }
        guard let hash = Password.hash(password) else {
            throw Failure.unreachable("there is not enough memory to hash a password")
        }
        return hash
    }

    /// NIST SP 800-63B, 3.1.1.2.
    private static let advised = 8

    private static func hidden(_ prompt: String) throws -> String {
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else {
            throw Failure.invalid("this terminal can't hide a password")
        }
        var quiet = before
        // Signals too are read as characters, so that no one leaves the terminal mute behind.
        quiet.c_lflag &= ~tcflag_t(ECHO | ISIG | ICANON)
        guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0 else {
            throw Failure.invalid("this terminal can't hide a password")
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
            throw .invalid("the password must be text, on one line")
        }
        return text
    }

    /// The bytes up to the end of the line. `edit` sees each as it comes.
    private static func line(_ edit: (inout [UInt8]) throws -> Void) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count <= longest {
            var byte: UInt8 = 0
            let count = read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1, byte != UInt8(ascii: "\n") else { break }
            bytes.append(byte)
            try edit(&bytes)
        }
        return bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes
    }

    /// What the terminal does with a line otherwise: takes a character back, or all of them, or gives up.
    private static func edit(_ bytes: inout [UInt8]) throws {
        switch bytes.last {
        case 0x03, 0x04, 0x1C: throw CancellationError()
        case 0x7F, 0x08:
            bytes.removeLast()
            // Of a character of several bytes, all.
            while let byte = bytes.popLast(), byte & 0xC0 == 0x80 {}
        case 0x15: bytes = []
        default: break
        }
    }

    private static let longest = 4_096
}
