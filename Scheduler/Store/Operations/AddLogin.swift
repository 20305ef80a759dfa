package import Domain

extension Transaction {
    /// A new member who signs in by name and password (CONTRACT 3). Throws `Refusal.invalid` for a name that
    /// `Usernames` doesn't know as one, `Refusal.taken` when it is taken.
    ///
    /// - Parameters:
    ///   - name: what people call the member; the username when nil.
    ///   - passwordHash: of `Password.hash`, which takes its time: made before the transaction.
    ///   - actor: who does it, for the audit log; the new member when nil.
    package func addLogin(
        username: String, name: String? = nil, passwordHash: String, actor: String? = nil
    ) throws -> Member {
        let username = try known(username)
        guard try login(username) == nil else { throw Refusal.taken(field: "username") }
        let member = try registerAgent(
            AgentProfile(
                name: name ?? username, handle: nil, description: nil, moltbookID: nil, walletAddress: nil))
        guard try insertLogin(username, member: member.id, passwordHash: passwordHash) else {
            throw Refusal.taken(field: "username")
        }
        try record(.loginAdded, of: member.id, username, by: actor)
        return member
    }

    /// Throws `Refusal.notFound`. Every token of the login is void from now on.
    package func changePassword(of username: String, hash: String, actor: String? = nil) throws {
        let username = try known(username)
        guard let member = try setPassword(of: username, hash: hash) else { throw Refusal.notFound("login") }
        try record(.passwordChanged, of: member, username, by: actor)
    }

    /// A disabled login can't sign in, and its tokens are void, also once it is enabled again. Throws
    /// `Refusal.notFound`; what is so already stays so.
    package func disableLogin(_ username: String, _ isDisabled: Bool = true, actor: String? = nil) throws {
        let username = try known(username)
        guard try login(username) != nil else { throw Refusal.notFound("login") }
        guard let member = try setDisabled(username, isDisabled) else { return }
        try record(isDisabled ? .loginDisabled : .loginEnabled, of: member, username, by: actor)
    }

    private func known(_ username: String) throws -> String {
        guard let username = Usernames.normalised(username) else {
            throw Refusal.invalid(field: "username", message: Usernames.rule)
        }
        return username
    }

    private func record(_ type: EventType, of member: MemberID, _ username: String, by actor: String? = nil) throws {
        try record(Event(owner: OwnerID(member.text), type: type, actor: actor ?? member.text, object: username))
    }
}
