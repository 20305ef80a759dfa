/// Strings and numbers.
extension JSONParser {
    mutating func number() throws(JSONError) -> String {
        let start = at
        if bytes[at] == UInt8(ascii: "-") { at += 1 }
        if at < end, bytes[at] == UInt8(ascii: "0") {
            at += 1
            if at < end, Self.isDigit(bytes[at]) { throw failure(.invalidNumber) }
        } else {
            try digits()
        }
        if at < end, bytes[at] == UInt8(ascii: ".") {
            at += 1
            try digits()
        }
        if at < end, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < end, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        return text(start, at)
    }

    private mutating func digits() throws(JSONError) {
        let start = at
        while at < end, Self.isDigit(bytes[at]) { at += 1 }
        guard at > start else { throw failure(at < end ? .invalidNumber : .truncated) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "0") < 10
    }

    /// The string whose opening quote is at `at`.
    mutating func string() throws(JSONError) -> String {
        at += 1
        let start = at
        let ascii = skipPlain()
        guard at < end else { throw failure(.truncated) }
        if bytes[at] == UInt8(ascii: "\"") {
            at += 1
            if ascii { return text(start, at - 1) }
            return try validated(bytes[start..<(at - 1)], at: start)
        }
        return try escapedString(from: start)
    }

    /// Moves to the next quote, backslash or control character; whether all before it was ASCII.
    private mutating func skipPlain() -> Bool {
        var seen: UInt8 = 0
        while at < end {
            // Eight bytes at once, as long as each is plain ASCII.
            while end - at >= 8 {
                let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                guard Self.isPlain(word) else { break }
                at += 8
            }
            let stop = min(end, at + 8)
            while at < stop {
                let byte = bytes[at]
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { return seen < 0x80 }
                seen |= byte
                at += 1
            }
        }
        return seen < 0x80
    }

    /// No byte is a quote, a backslash, below 0x20 or above 0x7F. The classic test for a zero byte,
    /// once for each: a borrow can only turn a plain word into a suspect one.
    private static func isPlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        let suspect =
            word | (word &- ones &* 0x20) | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
        return suspect & (ones &* 0x80) == 0
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var decoded = [UInt8](bytes[start..<at])
        while true {
            guard at < end else { throw failure(.truncated) }
            switch bytes[at] {
            case UInt8(ascii: "\""):
                at += 1
                return try validated(decoded, at: start)
            case UInt8(ascii: "\\"):
                try escape(into: &decoded)
            case 0:
                throw failure(.nul)
            case 1..<0x20:
                throw failure(.controlCharacter)
            default:
                let run = at
                _ = skipPlain()
                decoded.append(contentsOf: bytes[run..<at])
            }
        }
    }

    private mutating func escape(into decoded: inout [UInt8]) throws(JSONError) {
        guard end - at >= 2 else { throw failure(.truncated) }
        switch bytes[at + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(bytes[at + 1])
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            decoded.append(contentsOf: UTF8.encode(try scalar()) ?? UTF8.encodedReplacementCharacter)
            return
        default: throw failure(.invalidEscape)
        }
        at += 2
    }

    /// `\uXXXX`, or a pair of them.
    private mutating func scalar() throws(JSONError) -> Unicode.Scalar {
        let start = at
        let first = try unit()
        guard first != 0 else { throw JSONError(problem: .nul, offset: start) }
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, end - at >= 2, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u")
        else { throw JSONError(problem: .loneSurrogate, offset: start) }
        let second = try unit()
        guard 0xDC00..<0xE000 ~= second,
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw JSONError(problem: .loneSurrogate, offset: start) }
        return scalar
    }

    /// The four digits of the `\u` at `at`.
    private mutating func unit() throws(JSONError) -> UInt32 {
        guard end - at >= 6 else { throw failure(.truncated) }
        var unit: UInt32 = 0
        for byte in bytes[(at + 2)..<(at + 6)] {
            guard let digit = Hex.value(of: byte) else { throw failure(.invalidEscape) }
            unit = unit << 4 | UInt32(digit)
        }
        at += 6
        return unit
    }

    private func validated(_ bytes: some Collection<UInt8>, at offset: Int) throws(JSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw JSONError(problem: .invalidUTF8, offset: offset)
        }
        return text
    }

    private func text(_ start: Int, _ stop: Int) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<stop]), as: UTF8.self)
    }
}
