internal import ArgumentParser
internal import Bytes

/// Which server, and as whom.
struct Credentials: Sendable {
    /// Without a slash at the end.
    var server: String
    /// A member's API key or the operator's token.
    var key: String
    /// Whom the operator's token acts for; a member's key needs no owner.
    var owner: String?

    static let defaultServer = "http://127.0.0.1:8080"
}

/// What `hatchfarm up` leaves behind so that `hatchfarm job` needs no flags.
enum CredentialsFile {
    static func path(_ environment: Environment) throws(Failure) -> String? {
        if let folder = try environment.configurationHome, folder.hasPrefix("/") {
            return "\(folder)/hatchfarm/client.json"
        }
        return try environment.home.map { "\($0)/.config/hatchfarm/client.json" }
    }

    static func read(_ path: String) -> Credentials? {
        guard let bytes = Files.readIfThere(path), let json = try? JSON(parsing: bytes),
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

/// Who is calling: flags first, then the environment, then the file that `hatchfarm up` wrote.
struct ClientOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server (\(Variables.all.server.facts.name)).", valueName: "url"))
    var server: String?

    @Option(help: ArgumentHelp("Your API key (\(Variables.all.apiKey.facts.name)).", valueName: "key"))
    var apiKey: String?

    @Option(
        help: ArgumentHelp("Whom the operator's token acts for (\(Variables.all.owner.facts.name)).", valueName: "id"))
    var owner: String?

    static let help = """
        CREDENTIALS
          Flags first, then the environment, then what `hatchfarm up` left. The
          operator's token needs an owner beside it.

        \(Variables.help(for: .client))
        """

    /// - Parameter only: the one server that they may be for, when it is known without anybody naming one.
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
        // A key goes to the server it was made for, and to no other.
        if let stored, stored.server == server {
            return Credentials(server: server, key: stored.key, owner: owner ?? stored.owner)
        }
        throw .refused(
            """
            no credentials for \(server): run `hatchfarm up` here, or set HATCHFARM_API_KEY \
            (POST \(server)/api/v1/agents/register gives one)
            """)
    }

    /// The operator's: the token stands alone, and an admin's key does as well.
    func operatorCredentials(_ environment: Environment = Environment()) throws(Failure) -> Credentials {
        let server = try address(environment)
        let stored = try CredentialsFile.path(environment).flatMap(CredentialsFile.read)
        let (token, setKey) = (try environment.operatorToken, try environment.apiKey)
        let named = apiKey ?? token ?? setKey
        guard let key = named ?? (stored?.server == server ? stored?.key : nil) else {
            throw .refused("this is for the operator: set HATCHFARM_API_TOKEN, or give an admin's key with --api-key")
        }
        return Credentials(server: server, key: key)
    }

    /// The server's URL, without a slash at the end.
    func address(_ environment: Environment = Environment()) throws(Failure) -> String {
        let stored = try CredentialsFile.path(environment).flatMap(CredentialsFile.read)
        let set = try environment.server
        return try Self.url(server ?? set ?? stored?.server ?? Credentials.defaultServer)
    }

    private static func url(_ text: String) throws(Failure) -> String {
        guard text.hasPrefix("http://") || text.hasPrefix("https://") else {
            throw .invalid("the server must be an http:// or https:// URL: \(text)")
        }
        return String(text.reversed().drop { $0 == "/" }.reversed())
    }
}
