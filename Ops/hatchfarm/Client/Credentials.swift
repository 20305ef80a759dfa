internal import ArgumentParser
internal import Bytes

/// A server, and the credentials for it.
struct Credentials: Sendable {
    /// Without a trailing slash.
    var server: String
    /// A member's API key or the operator's token.
    var key: String
    /// The owner that the operator token acts for; not needed for a member's key.
    var owner: String?

    static let defaultServer = "http://127.0.0.1:8080"
}

/// The file that `hatchfarm up` writes, so that `hatchfarm job` needs no flags.
enum CredentialsFile {
    static func path(_ environment: Environment) throws(Failure) -> String? {
        if let folder = try environment.configurationHome, folder.hasPrefix("/") {
            return "\(folder)/hatchfarm/client.json"
        }
        return try environment.home.map { "\($0)/.config/hatchfarm/client.json" }
    }

    static func read(_ path: String) -> Credentials? {
        guard let bytes = Files.readIfExists(path), let json = try? JSON(parsing: bytes),
            let server = json["server"]?.string, let key = json["api_key"]?.string
        else { return nil }
        return Credentials(server: server, key: key, owner: json["owner_id"]?.string)
    }

    static func write(_ credentials: Credentials, to path: String) throws(Failure) {
        let json: JSON = [
            "server": .string(credentials.server), "owner_id": credentials.owner.map(JSON.string) ?? .null,
            "api_key": .string(credentials.key),
        ]
        try Files.makeFolder(String(path.dropLast(Files.name(path).count + 1)), mode: 0o700)
        try Files.write(json.bytes(.canonical) + [UInt8(ascii: "\n")], to: path, isPrivate: true)
    }
}

/// Options for the server and the credentials: flags first, then the environment, then the credentials file.
struct ClientOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server's URL (\(Variables.all.server.facts.name)).", valueName: "url"))
    var server: String?

    @Option(help: ArgumentHelp("Your API key (\(Variables.all.apiKey.facts.name)).", valueName: "key"))
    var apiKey: String?

    @Option(
        help: ArgumentHelp(
            "The owner to act for with the operator token (\(Variables.all.owner.facts.name)).", valueName: "id"))
    var owner: String?

    static let help = """
        CREDENTIALS
          From flags, the environment, or the file that `hatchfarm up` saved, in this
          order. The operator token also needs an owner.

        \(Variables.help(for: .client))
        """

    /// - Parameter only: the server, if it is already known.
    func credentials(
        _ environment: Environment = Environment(), server only: String? = nil
    ) throws(Failure) -> Credentials {
        let stored = try CredentialsFile.path(environment).flatMap(CredentialsFile.read)
        let (set, setKey, setOwner) = (try environment.server, try environment.apiKey, try environment.owner)
        let named = only ?? server ?? set
        let server = try Self.url(named ?? stored?.server ?? Credentials.defaultServer)
        if let key = apiKey ?? setKey {
            return Credentials(server: server, key: key, owner: owner)
        }
        if let token = try environment.operatorToken, let owner = owner ?? setOwner {
            return Credentials(server: server, key: token, owner: owner)
        }
        // A key is only sent to the server that it was created for.
        if let stored, stored.server == server {
            return Credentials(server: server, key: stored.key, owner: owner ?? stored.owner)
        }
        throw .refused(
            """
            no credentials for \(server): run `hatchfarm up` here, or set HATCHFARM_API_KEY \
            (`hatchfarm agent register` creates one)
            """)
    }

    /// The operator's credentials: the operator token, or an admin's key.
    func operatorCredentials(_ environment: Environment = Environment()) throws(Failure) -> Credentials {
        let server = try address(environment)
        let stored = try CredentialsFile.path(environment).flatMap(CredentialsFile.read)
        let (token, setKey) = (try environment.operatorToken, try environment.apiKey)
        let named = apiKey ?? token ?? setKey
        guard let key = named ?? (stored?.server == server ? stored?.key : nil) else {
            throw .refused("only for the operator: set HATCHFARM_API_TOKEN, or use an admin's key with --api-key")
        }
        return Credentials(server: server, key: key)
    }

    /// The server's URL, without a trailing slash.
    func address(_ environment: Environment = Environment()) throws(Failure) -> String {
        try Self.address(server, environment)
    }

    /// The same, for commands without these options.
    static func address(_ given: String?, _ environment: Environment = Environment()) throws(Failure) -> String {
        let stored = try CredentialsFile.path(environment).flatMap(CredentialsFile.read)
        let set = try environment.server
        return try url(given ?? set ?? stored?.server ?? Credentials.defaultServer)
    }

    private static func url(_ text: String) throws(Failure) -> String {
        guard text.hasPrefix("http://") || text.hasPrefix("https://") else {
            throw .invalid("the server must be an http:// or https:// URL: \(text)")
        }
        return String(text.reversed().drop { $0 == "/" }.reversed())
    }
}
