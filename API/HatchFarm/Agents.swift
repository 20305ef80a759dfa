internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Members that register themselves (CONTRACT 5).
enum Agents {
    static let routes = [
        Route(
            .post, "/agents/register", "registerAgent", "Makes a member. Its API key is shown this once.",
            body: registration, .created(registered) { _ in "/agents/me" }, register),
        Route(.get, "/agents/me", "showAgent", "Who you are.", .ok(agent.under("agent")), show),
        Route(
            .put, "/agents/me", "updateAgent", "Changes what is given; null takes it away.", body: changes,
            .ok(agent.under("agent")), update),
    ].tagged("Agents")

    private static let name = Format<String>.text(1...128)
    private static let description = Format<String>.text(0...1_024)
    private static let moltbookID = Format<String>.text(1...128)
    private static let walletAddress = Format<String>.text(1...128)

    private static let registration = Input {
        required("name", name)
        optional("handle", .handle(hyphens: true))
        optional("description", description)
        optional("moltbook_id", moltbookID)
        optional("wallet_address", walletAddress)
    }
    .map { name, handle, description, moltbookID, walletAddress in
        AgentProfile(
            name: name, handle: handle, description: description, moltbookID: moltbookID, walletAddress: walletAddress)
    }

    private static let changes = Input {
        optional("name", name)
        change("description", description)
        change("moltbook_id", moltbookID)
        change("wallet_address", walletAddress)
    }

    private typealias Changes = (String?, Change<String>, Change<String>, Change<String>)

    private static let agent = Shape<Member>("Agent") {
        field("id", .id(format: "uuid")) { $0.id }
        field("handle", .nullable(.text(3...30))) { $0.handle }
        field("name", name) { $0.name }
        field("description", .nullable(description)) { $0.description }
        field("role", .choice) { $0.role }
        field("moltbook_id", .nullable(moltbookID)) { $0.moltbookID }
        field("wallet_address", .nullable(walletAddress)) { $0.walletAddress }
        field("created_at", .instant) { $0.createdAt }
    }

    private static let registered = Shape<(agent: Member, key: String)> {
        field("agent", agent) { $0.agent }
        field("api_key", .apiKey(prefix: "hf")) { $0.key }
    }

    private static func register(
        _ call: Call, _ context: PublicContext, _ profile: AgentProfile
    ) async throws -> (agent: Member, key: String) {
        let key = call.newKeyText(prefix: "hf")
        let agent = try await call.database.write { tx in
            try tx.registerAgent(profile, keyHash: SHA256.hex(key), keyPrefix: String(key.prefix(7)))
        }
        return (agent, key)
    }

    static func show(_ call: Call, _ caller: RegisteredContext) -> Member { caller.member }

    private static func update(
        _ call: Call, _ caller: RegisteredContext, _ changes: Changes
    ) async throws -> Member {
        let (name, description, moltbookID, walletAddress) = changes
        return try await call.database.write { tx in
            try tx.updateAgent(caller.member.id, actor: caller.member.id.text) { agent in
                agent.name = name ?? agent.name
                agent.description = description.applied(to: agent.description)
                agent.moltbookID = moltbookID.applied(to: agent.moltbookID)
                agent.walletAddress = walletAddress.applied(to: agent.walletAddress)
            }
        }
    }
}
