internal import Bytes
package import Domain

extension Transaction {
    /// Makes a member an admin, or an admin a member. The same role again changes nothing. The queenbee's role stays,
    /// and nobody else gets it (409).
    package func changeRole(of id: MemberID, to role: Member.Role, actor: String) throws -> Member {
        guard var member = try member(id) else { throw Refusal.notFound("member") }
        guard member.role != .queenbee, role != .queenbee else {
            throw Refusal.wrongState("there is one queenbee, and its role stays")
        }
        guard try setRole(of: id, to: role) else { return member }
        let before = member.role
        member.role = role
        try record(
            Event(
                owner: member.owner, type: .memberRoleChanged, actor: actor, object: id.text,
                metadata: JSON.object([
                    .init("from", .string(before.rawValue)), .init("to", .string(role.rawValue)),
                ]).text(.compact)))
        return member
    }
}
