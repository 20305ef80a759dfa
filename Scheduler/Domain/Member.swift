/// A person, an agent or an owner (CONTRACT 3).
package struct Member: Sendable {
    package var id: MemberID
    package var handle: String?
    package var name: String
    package var description: String?
    package var role: Role
    package var moltbookID: String?
    package var walletAddress: String?
    package var createdAt: Int64

    /// Authority hangs on this, never on a handle.
    package enum Role: String, Sendable, CaseIterable { case member, queenbee, admin }

    package init(
        id: MemberID, handle: String?, name: String, description: String?, role: Role, moltbookID: String?,
        walletAddress: String?, createdAt: Int64
    ) {
        self.id = id
        self.handle = handle
        self.name = name
        self.description = description
        self.role = role
        self.moltbookID = moltbookID
        self.walletAddress = walletAddress
        self.createdAt = createdAt
    }

    /// Who is there from the first migration (CONTRACT 3).
    package static let queenbee = MemberID("00000000-0000-7000-8000-000000000001")

    /// The member as the owner of jobs and machines.
    package var owner: OwnerID { OwnerID(id.text) }
}

package enum Handles {
    /// No one can register these (CONTRACT 3).
    package static let reserved: Set<String> = ["queenbee", "admin", "system", "operator", "null"]

    /// Trimmed and lowercased, 3–30 of `[a-z0-9_]`, and of `-` with `hyphens`, not reserved; else nil.
    package static func normalised(_ text: String, hyphens: Bool = true) -> String? {
        guard let handle = read(text), !reserved.contains(handle) else { return nil }
        return hyphens || !handle.utf8.contains(UInt8(ascii: "-")) ? handle : nil
    }

    /// A handle as others write it: trimmed and lowercased, 3–30 of `[a-z0-9_-]`, perhaps a reserved one; else nil.
    package static func read(_ text: String) -> String? {
        // Some letters beyond ASCII become ASCII ones when lowercased: the Kelvin sign a k.
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
        let trimmed = text.lowercased().drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }
        let handle = String(trimmed.reversed())
        let isWellFormed = handle.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
        }
        return isWellFormed && (3...30).contains(handle.utf8.count) ? handle : nil
    }
}
