package import Bytes
package import Domain

extension Format {
    /// The text of an identifier; whether there is such a thing, the database says.
    package static func id<Of>(
        _ lengths: ClosedRange<Int> = 1...128, pattern: String? = nil, format: String? = nil
    ) -> Format where Value == Identifier<Of> {
        Format<String>.text(lengths).described(pattern: pattern, format: format, lengths)
            .map {
                Identifier($0)
            } from: {
                $0.text
            }
    }

    /// An identifier of CONTRACT 5: `wrk_` and 16 hex digits.
    package static func id<Of>(_ prefix: String) -> Format where Value == Identifier<Of> {
        id(pattern: "^\(prefix)_[0-9a-f]{16}$").example(.string(prefix + "_0123456789abcdef"))
    }
}

extension Format where Value == OwnerID {
    /// Whoever owns jobs and machines.
    package static var owner: Format {
        Format<String>.checked(.string(1...128, pattern: "^[A-Za-z0-9_.:@-]+$").example("ada")) {
            text throws(FieldError) in
            guard OwnerID.isValid(text) else { throw .invalid("must be 1 to 128 of A–Z a–z 0–9 _ . : @ -") }
        }
        .map {
            OwnerID($0)
        } from: {
            $0.text
        }
    }
}

extension Format where Value == String {
    fileprivate func described(pattern: String?, format: String?, _ lengths: ClosedRange<Int>) -> Format {
        guard pattern != nil || format != nil else { return self }
        return Format(.string(pattern: pattern, format: format), write: write, read: read)
    }
}

extension Shape where Value == Int64 {
    /// An id that is an integer, written as a string (CONTRACT 7).
    package static var decimalID: Shape {
        Shape(.string(1...19, pattern: "^[1-9][0-9]{0,18}$").example("7")) { $1.string(String($0)) }
    }
}

extension Input where Value == Int64 {
    /// An id that is an integer, as a number or a string (CONTRACT 7).
    package static var decimalID: Input {
        Input(.either([.integer(1...Int64.max), .string(1...19, pattern: "^[1-9][0-9]{0,18}$")]).example("7")) {
            json throws(FieldError) in
            let text: String? =
                switch json {
                case .number(let token), .string(let token): token
                default: nil
                }
            guard let id = text.flatMap(Cursor.decimalID) else { throw .invalid("must be a positive integer") }
            return id
        }
    }
}

extension Call {
    /// A segment of the path that is an integer's id; nil when it can't be one.
    package func decimalID(_ name: String) throws(InternalError) -> Int64? { Cursor.decimalID(try parameter(name)) }
}

extension Cursor {
    package static func id<Of>() -> Cursor where Place == Identifier<Of> {
        Cursor {
            $0.text
        } place: {
            Identifier($0)
        }
    }
}

extension Cursor where Place == Int64 {
    /// An id as we write it: a positive integer without zeros before it.
    static func decimalID(_ text: String) -> Int64? {
        guard let id = Int64(text), id > 0, String(id).isExactly(text) else { return nil }
        return id
    }

    package static let decimalID = Cursor {
        String($0)
    } place: {
        decimalID($0)
    }
}
