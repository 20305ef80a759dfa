internal import Bytes
internal import Domain
internal import Logging
internal import Store

extension SignInSettings {
    /// Makes sure that the users of `HATCHFARM_USERS` can log in with these passwords. Logs a warning, as their
    /// passwords are in the environment.
    func addUsers(to database: Database, logger: Logger) async throws {
        guard !users.isEmpty else { return }
        logger.warning(
            "HATCHFARM_USERS is for development: these can log in with passwords from the environment",
            metadata: ["users": "\(users.map(\.name).joined(separator: ", "))"])
        for user in users { try await add(user, to: database) }
    }

    private func add(_ user: User, to database: Database) async throws {
        let known = try await database.read { try $0.login(user.name) }
        if let known, Password.verify(user.password, against: known.passwordHash) { return }
        guard let hash = Password.hash(user.password) else {
            throw Failure.unreachable("not enough memory to hash the password")
        }
        do {
            try await database.write { tx in
                if known != nil {
                    try tx.changePassword(of: user.name, hash: hash)
                } else {
                    _ = try tx.addLogin(username: user.name, passwordHash: hash)
                }
            }
        } catch Refusal.taken {
            // Another server that is starting was faster.
        }
    }
}
