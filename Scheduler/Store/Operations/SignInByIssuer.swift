package import Domain

extension Transaction {
    /// The member behind an issuer's subject; one that was never seen becomes a new member, called `name`.
    ///
    /// Throws `DatabaseError.conflict` when the same subject is being seen for the first time elsewhere: ask again.
    package func signIn(issuer: String, subject: String, name: String) throws -> (member: Member, identity: Identity) {
        if let identity = try identity(issuer: issuer, subject: subject) {
            guard let member = try member(identity.member) else { throw Refusal.notFound("member") }
            return (member, identity)
        }
        let member = try registerAgent(
            AgentProfile(name: name, handle: nil, description: nil, moltbookID: nil, walletAddress: nil))
        guard try insertIdentity(issuer: issuer, subject: subject, member: member.id) else {
            throw DatabaseError.conflict(constraint: "oidc_identities.issuer, oidc_identities.subject")
        }
        try record(
            Event(owner: member.owner, type: .identityAdded, actor: member.id.text, object: issuer))
        return (member, Identity(member: member.id, tokensSince: now, isDisabled: false))
    }

    /// A member whose identities are disabled can't sign in by any issuer's word, and the tokens that came of it are
    /// void, also once they are enabled again.
    package func disableIdentities(of member: MemberID, _ isDisabled: Bool = true, actor: String? = nil) throws {
        guard try setIdentitiesDisabled(of: member, isDisabled) else { return }
        try record(
            Event(
                owner: OwnerID(member.text), type: isDisabled ? .loginDisabled : .loginEnabled,
                actor: actor ?? member.text, object: member.text))
    }

    /// Spends the state of one sign-in; false when it was spent before.
    package func spendSignIn(_ state: String, expiresInMilliseconds: Int64) throws -> Bool {
        try spendNonce(state, scope: "oidc", expiresAt: now + expiresInMilliseconds)
    }
}
