internal import Bytes
internal import Glibc

/// A saved key of one member at one server, and the name that it is chosen by.
struct Profile: Sendable, Equatable {
    var name: String
    var server: String
    var key: String
    var owner: String?

    var credentials: Credentials { Credentials(server: server, key: key, owner: owner) }
}

/// The saved keys of all servers, in `client.json`. The first is used where no server is named; at a server the first
/// of those for it.
struct Profiles: Sendable {
    private(set) var list: [Profile] = []

    var current: Profile? { list.first }

    func first(at server: String) -> Profile? { list.first { $0.server == server } }

    func named(_ name: String) -> Profile? { list.first { $0.name == name } }

    /// Saves a key, in place of one of the same member at the same server, and returns its profile. Keys of others
    /// stay. Throws `.invalid` if the name is another's.
    @discardableResult
    mutating func save(_ credentials: Credentials, as name: String? = nil) throws(Failure) -> Profile {
        let known = list.firstIndex { $0.server == credentials.server && $0.owner == credentials.owner }
        let old = known.map { list.remove(at: $0) }
        if let name, let other = named(name) {
            throw .invalid("the name \(name) is taken by the key for \(other.server); choose another with --name")
        }
        let profile = Profile(
            name: name ?? old?.name ?? freeName(for: credentials.server), server: credentials.server,
            key: credentials.key, owner: credentials.owner)
        list.insert(profile, at: min(known ?? list.count, list.count))
        return profile
    }

    /// The same for a server of this machine, which may have come back at another port: its member's older address
    /// goes.
    @discardableResult
    mutating func save(local credentials: Credentials) throws(Failure) -> Profile {
        let host = Self.host(credentials.server)
        list.removeAll {
            $0.owner == credentials.owner && $0.server != credentials.server && Self.host($0.server) == host
        }
        return try save(credentials)
    }

    /// Throws `.notFound`.
    mutating func use(_ name: String) throws(Failure) {
        list.insert(try remove(name), at: 0)
    }

    /// Throws `.notFound`.
    @discardableResult
    mutating func remove(_ name: String) throws(Failure) -> Profile {
        guard let index = list.firstIndex(where: { $0.name == name }) else {
            throw .notFound("no saved key is named \(Text.sanitized(name)); `hatchfarm profiles` lists them")
        }
        return list.remove(at: index)
    }

    /// Host and port, with a number if that name is taken.
    private func freeName(for server: String) -> String {
        let place = Self.place(server)
        var name = place
        var number = 2
        while named(name) != nil {
            name = "\(place)-\(number)"
            number += 1
        }
        return name
    }

    private static func place(_ server: String) -> String {
        server.firstRange(of: "://").map { String(server[$0.upperBound...]) } ?? server
    }

    private static func host(_ server: String) -> String {
        let place = place(server)
        guard let colon = place.lastIndex(of: ":"), place[colon...].dropFirst().allSatisfy(\.isNumber) else {
            return place
        }
        return String(place[..<colon])
    }
}

extension Profiles {
    /// None without a file. Throws `.misconfigured` if there is one that isn't understood: it is not written over.
    static func read(_ path: String) throws(Failure) -> Profiles {
        guard Files.exists(path) else { return Profiles() }
        let problem = Failure.misconfigured("\(path) is not a file of saved keys: correct it, or move it away")
        guard let bytes = try? Files.read(path, limit: 1 << 20), let json = try? JSON(parsing: bytes) else {
            throw problem
        }
        var profiles = Profiles()
        for part in [json] + (json["others"]?.array ?? []) {
            if part["server"] == nil, part["others"] != nil { continue }
            guard let server = part["server"]?.string, let key = part["api_key"]?.string else { throw problem }
            let name = part["name"]?.string ?? profiles.freeName(for: server)
            profiles.list.append(Profile(name: name, server: server, key: key, owner: part["owner_id"]?.string))
        }
        return profiles
    }

    /// Changes the file while no other process does.
    static func change<Answer>(
        _ path: String, _ body: (inout Profiles) throws(Failure) -> Answer
    ) throws(Failure) -> Answer {
        try Files.makeFolder(Files.folder(of: path), mode: 0o700)
        let lock = open("\(path).lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw .misconfigured("cannot open \(path).lock: \(Files.reason(errno))") }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0, errno == EINTR {}
        var profiles = try read(path)
        let answer = try body(&profiles)
        try Files.write(profiles.json.bytes(.canonical) + [UInt8(ascii: "\n")], to: path, isPrivate: true)
        return answer
    }

    /// The first at the top, where it was when there was only one, so that what reads that still does.
    private var json: JSON {
        let parts = list.map { profile -> [JSON.Member] in
            [
                .init("server", .string(profile.server)), .init("owner_id", profile.owner.map(JSON.string) ?? .null),
                .init("api_key", .string(profile.key)), .init("name", .string(profile.name)),
            ]
        }
        return .object((parts.first ?? []) + [.init("others", .array(parts.dropFirst().map(JSON.object)))])
    }
}
