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

/// Files with keys: that of the commands, `client.json` with `Profiles`, and that of a data folder's owner.
enum CredentialsFile {
    /// That of the commands. Throws `.misconfigured` if there is no folder for it.
    static func required(_ environment: Environment = Environment()) throws(Failure) -> String {
        guard let path = try path(environment) else {
            throw .misconfigured("no folder for the keys: set HOME or XDG_CONFIG_HOME")
        }
        return path
    }

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
          From flags, the environment, or the keys that `hatchfarm up` and `hatchfarm login`
          saved, in this order. The operator token also needs an owner.

        \(Variables.help(for: .client))
        """

    /// - Parameter only: the server, if it is already known.
    func credentials(
        _ environment: Environment = Environment(), server only: String? = nil
    ) throws(Failure) -> Credentials {
        let (set, setKey, setOwner) = (try environment.server, try environment.apiKey, try environment.owner)
        let named = only ?? server ?? set
        let server = try Self.server(named, environment)
        if let key = apiKey ?? setKey {
            return Credentials(server: server, key: key, owner: owner)
        }
        if let token = try environment.operatorToken, let owner = owner ?? setOwner {
            return Credentials(server: server, key: token, owner: owner)
        }
        // A key is only sent to the server that it was created for.
        if let saved = try Self.saved(environment).first(at: server) {
            return Credentials(server: server, key: saved.key, owner: owner ?? saved.owner)
        }
        throw .refused(
            """
            no credentials for \(server): run `hatchfarm up` here, save a key with `hatchfarm login`, or set \
            HATCHFARM_API_KEY (`hatchfarm agent register` creates one)
            """)
    }

    /// The operator's credentials: the operator token, or an admin's key.
    func operatorCredentials(_ environment: Environment = Environment()) throws(Failure) -> Credentials {
        let server = try address(environment)
        let (token, setKey) = (try environment.operatorToken, try environment.apiKey)
        var key = apiKey ?? token ?? setKey
        if key == nil { key = try Self.saved(environment).first(at: server)?.key }
        guard let key else {
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
        let set = try environment.server
        return try server(given ?? set, environment)
    }

    /// The one that was named, else that of the first saved key.
    private static func server(_ named: String?, _ environment: Environment) throws(Failure) -> String {
        if let named { return try ServerURL.normalized(named) }
        return try saved(environment).current?.server ?? Credentials.defaultServer
    }

    private static func saved(_ environment: Environment) throws(Failure) -> Profiles {
        guard let path = try CredentialsFile.path(environment) else { return Profiles() }
        return try Profiles.read(path)
    }
}

/// A server's URL as people write it.
enum ServerURL {
    private static let apiBase = "/api/v1"

    /// Without what the commands add themselves: slashes and `/api/v1` at its end. Throws `.invalid` for another form.
    static func normalized(_ text: String) throws(Failure) -> String {
        let shown = Text.truncated(Text.sanitized(text), to: 200)
        guard let mark = text.firstRange(of: "://"), ["http", "https"].contains(text[..<mark.lowerBound].lowercased())
        else { throw .invalid("the server must be an http:// or https:// URL, as https://farm.example: \(shown)") }
        guard !text.contains("?"), !text.contains("#"), !text.contains(where: \.isWhitespace) else {
            throw .invalid("the server's URL must have no query, fragment or spaces: \(shown)")
        }
        var url = text[..<mark.lowerBound].lowercased() + text[mark.lowerBound...]
        while url.hasSuffix("/") { url.removeLast() }
        if url.hasSuffix(apiBase) { url.removeLast(apiBase.count) }
        while url.hasSuffix("/") { url.removeLast() }
        guard url.utf8.count > text[..<mark.upperBound].utf8.count else {
            throw .invalid("the server's URL has no host: \(shown)")
        }
        return url
    }
}
