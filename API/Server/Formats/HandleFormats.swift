package import Bytes
internal import Domain

extension Format where Value == String {
    /// A new member's handle, trimmed and lowercased (CONTRACT 3).
    package static func handle(hyphens: Bool) -> Format {
        let letters = hyphens ? "a–z, 0–9, _ and -" : "a–z, 0–9 and _"
        let rule = "3 to 30 of \(letters), once trimmed and lowercased; unique, and no reserved word."
        return Format(.noted(.string(), rule)) {
            $1.string($0)
        } read: { json throws(FieldError) in
            let text = try string.read(json)
            guard text.utf8.count <= 256, let handle = Handles.normalised(text, hyphens: hyphens) else {
                throw .invalid("must be 3 to 30 of \(letters), and no reserved word")
            }
            return handle
        }
    }
}
