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
    static func path(_ environment: Environment) -> String? {
        if let folder = environment.text("XDG_CONFIG_HOME"), folder.hasPrefix("/") {
            return "\(folder)/hatchfarm/client.json"
        }
        return environment.text("HOME").map { "\($0)/.config/hatchfarm/client.json" }
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
    @Option(help: ArgumentHelp("The server (HATCHFARM_SERVER).", valueName: "url"))
    var server: String?

    @Option(help: ArgumentHelp("Your API key (HATCHFARM_API_KEY).", valueName: "key"))
    var apiKey: String?

    @Option(help: ArgumentHelp("Whom the operator's token acts for (HATCHFARM_OWNER).", valueName: "id"))
    var owner: String?

    static let help = """
        CREDENTIALS
          Flags first, then HATCHFARM_SERVER and HATCHFARM_API_KEY (or
          HATCHFARM_API_TOKEN with HATCHFARM_OWNER), then what `hatchfarm up` wrote to
          $XDG_CONFIG_HOME/hatchfarm/client.json.
        """

    /// - Parameter only: the one server that they may be for, when it is known without anybody naming one.
    func credentials(
        _ environment: Environment = Environment(), server only: String? = nil
    ) throws(Failure) -> Credentials {
        let stored = CredentialsFile.path(environment).flatMap(CredentialsFile.read)
        let named = only ?? server ?? environment.text("HATCHFARM_SERVER")
        let server = try Self.url(named ?? stored?.server ?? Credentials.defaultServer)
        if let key = apiKey ?? environment.text("HATCHFARM_API_KEY") {
            return Credentials(server: server, key: key, owner: owner)
        }
        if let token = environment.text("HATCHFARM_API_TOKEN"), let owner = owner ?? environment.text("HATCHFARM_OWNER")
        {
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
        let stored = CredentialsFile.path(environment).flatMap(CredentialsFile.read)
        let named = apiKey ?? environment.text("HATCHFARM_API_TOKEN") ?? environment.text("HATCHFARM_API_KEY")
        guard let key = named ?? (stored?.server == server ? stored?.key : nil) else {
            throw .refused("this is for the operator: set HATCHFARM_API_TOKEN, or give an admin's key with --api-key")
        }
        return Credentials(server: server, key: key)
    }

    /// The server's URL, without a slash at the end.
    func address(_ environment: Environment = Environment()) throws(Failure) -> String {
        let stored = CredentialsFile.path(environment).flatMap(CredentialsFile.read)
        return try Self.url(
            server ?? environment.text("HATCHFARM_SERVER") ?? stored?.server ?? Credentials.defaultServer)
    }

    private static func url(_ text: String) throws(Failure) -> String {
        guard text.hasPrefix("http://") || text.hasPrefix("https://") else {
            throw .invalid("the server must be an http:// or https:// URL: \(text)")
        }
        return String(text.reversed().drop { $0 == "/" }.reversed())
    }
}
