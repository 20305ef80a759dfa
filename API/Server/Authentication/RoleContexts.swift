package import Domain
internal import HTTPTypes
internal import Store

/// A member that is registered here, as the database has it at this moment; also for the operator in its name. An owner
/// that only the operator speaks of has no such row: 404.
package struct RegisteredContext: CallContext {
    package static let authentication = Authentication.bearer(owner: .optional)

    package let member: Member
    /// Who does it, for the audit log.
    package let actor: String
    package let bearer: String

    package var quotaSubject: String? { member.id.text }

    package static func admit(_ call: Call) async throws -> RegisteredContext {
        let caller = try await MemberContext.admit(call)
        let id = MemberID(caller.owner.text)
        guard let member = try await call.dependencies.database.read({ try $0.member(id) }) else {
            throw Problem(.notFound, "not_found", "X-Owner-ID names no registered member: register an agent first")
        }
        return RegisteredContext(member: member, actor: caller.actor, bearer: caller.bearer)
    }
}

/// A member with a role, by its own credential or the operator in its name. Authority hangs on the role, never on a
/// handle (CONTRACT 3).
package protocol RoleContext: CallContext {
    static var role: Member.Role { get }
    init(_ caller: RegisteredContext)
}

extension RoleContext {
    package static func admit(_ call: Call) async throws -> Self {
        let caller = try await RegisteredContext.admit(call)
        guard caller.member.role == role else { throw Problem.forbidden("this is for the \(role.rawValue)") }
        return Self(caller)
    }
}

/// The queenbee.
package struct QueenbeeContext: RoleContext {
    package static let authentication = Authentication.bearer(owner: .optional)
    package static let role = Member.Role.queenbee

    package let caller: RegisteredContext

    package init(_ caller: RegisteredContext) { self.caller = caller }
}

/// A member whose role is admin, by name: for what the operator's token alone may not do, since somebody must answer.
package struct AdminContext: RoleContext {
    package static let authentication = Authentication.bearer(owner: .optional)
    package static let role = Member.Role.admin

    package let caller: RegisteredContext

    package init(_ caller: RegisteredContext) { self.caller = caller }
}

/// The operator's token, or an admin, with `X-Owner-ID` naming whom the call is about: 400 without.
package struct ActingOperatorContext: CallContext {
    package static let authentication = Authentication.bearer(owner: .required)

    package let owner: OwnerID
    /// Who it is, for the audit log.
    package let actor: String

    package static func admit(_ call: Call) async throws -> ActingOperatorContext {
        let caller = try await OperatorContext.admit(call)
        return ActingOperatorContext(owner: try call.namedOwner(), actor: caller.actor)
    }
}

extension Call {
    /// Whom `X-Owner-ID` names; 400 when that is nobody.
    func namedOwner() throws(Problem) -> OwnerID {
        guard let named = header(.ownerID) else {
            throw Problem(.badRequest, "missing_owner", "X-Owner-ID must name the owner to act for")
        }
        guard OwnerID.isValid(named) else {
            throw Problem(.badRequest, "invalid_owner", "X-Owner-ID must be 1–128 of A–Z a–z 0–9 _ . : @ -")
        }
        return OwnerID(named)
    }
}
