package import Domain

/// What an agent says of itself.
package struct AgentProfile: Sendable {
    package var name: String
    package var handle: String?
    package var description: String?
    package var moltbookID: String?
    package var walletAddress: String?
    /// Where it says who it is.
    package var identityURL: String?

    package init(
        name: String, handle: String?, description: String?, moltbookID: String? = nil, walletAddress: String? = nil,
        identityURL: String? = nil
    ) {
        self.name = name
        self.handle = handle
        self.description = description
        self.moltbookID = moltbookID
        self.walletAddress = walletAddress
        self.identityURL = identityURL
    }
}

extension Transaction {
    /// A new member with its first API key, which is stored only as a hash (CONTRACT 3); with none, it has a login.
    package func registerAgent(
        _ profile: AgentProfile, keyHash: String? = nil, keyPrefix: String = ""
    ) throws -> Member {
        let member = Member(
            id: MemberID(newUUID()), handle: profile.handle,
            name: profile.name, description: profile.description, role: .member, moltbookID: profile.moltbookID,
            walletAddress: profile.walletAddress, createdAt: now)
        guard try insertMember(member, identityURL: profile.identityURL) else { throw Refusal.taken(field: "handle") }
        try mintBonus(for: member.id)
        if let keyHash {
            let key = APIKey(id: newKeyID(), member: member.id, name: nil, prefix: keyPrefix, createdAt: now)
            try insertKey(key, hash: keyHash)
        }
        try record(
            Event(owner: member.owner, type: .agentRegistered, actor: member.id.text, object: member.id.text))
        return member
    }

    /// Throws `Refusal.membersOnly` when there is no such member.
    package func updateAgent(
        _ id: MemberID, actor: String, _ change: (inout Member) -> Void
    ) throws -> Member {
        guard var member = try lockMember(id) else { throw Refusal.membersOnly }
        change(&member)
        try updateMember(member)
        try record(Event(owner: member.owner, type: .agentUpdated, actor: actor, object: id.text))
        return member
    }
}
