import Bytes
import CLibPQ
import Glibc

/// Why there is no connection.
struct ConnectFailure: Error {
    /// The server's SQLSTATE; empty if no server answered.
    let state: String
    let message: String

    /// The session began, and was ended before it was ready: no sign that there is no server.
    var wasCut: Bool { state == "57P01" }
    /// Others have all the server's connections: those we have still work.
    var isCrowded: Bool { state == "53300" }
    /// A password or a name is wrong: no use in trying again.
    var isFinal: Bool { state.hasPrefix("28") || state.hasPrefix("3D") }

    var error: DatabaseError { isFinal ? .failed(code: state, message: message) : .unavailable(message) }
}

extension PostgresLink {
    /// What the URL does not say itself.
    private static let defaults = [
        "keepalives": "1", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3",
        "tcp_user_timeout": "15000",
    ]

    /// Connects within the settings' time.
    static func connect(to url: String, _ settings: DatabaseSettings) throws(ConnectFailure) -> PostgresLink {
        let handle = start(url, settings)
        guard let handle else { throw ConnectFailure(state: "", message: "out of memory") }
        do {
            // The only way to learn the SQLSTATE of a refusal is from the words of a verbose one.
            PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
            try establish(handle, within: settings.connectTimeoutMilliseconds)
            PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
        } catch {
            PQfinish(handle)
            throw error
        }
        do {
            return try PostgresLink(handle, settings)
        } catch {
            throw ConnectFailure(state: "57P01", message: "lost at once: \(error)")
        }
    }

    private static let rule = "; in a password, @ : / ? # and % are written %40 %3A %2F %3F %23 and %25"

    /// Why libpq can't read the URL, without a part of it.
    static func mistake(in url: String) -> String? {
        guard DatabaseURL.isClear(url) else {
            return "it is not clear where the password ends and the host begins" + rule
        }
        var message: UnsafeMutablePointer<CChar>?
        let options = PQconninfoParse(url, &message)
        defer { PQfreemem(message) }
        guard options == nil else {
            PQconninfoFree(options)
            return nil
        }
        let words = message.map { DatabaseURL.withoutQuotes(String(cString: $0)) } ?? "not a PostgreSQL URL"
        return words + rule
    }

    /// Throws unless texts are stored as UTF-8: others would come back changed, or not at all.
    func requireUTF8() throws(DatabaseError) {
        let encoding = PQparameterStatus(handle, "server_encoding").map { String(cString: $0) } ?? "unknown"
        guard encoding != "UTF8" else { return }
        throw .failed(
            code: "encoding",
            message: "its encoding is \(encoding), and must be UTF8: make another with "
                + "CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0, and name it in DATABASE_URL")
    }

    private static func start(_ url: String, _ settings: DatabaseSettings) -> OpaquePointer? {
        var parameters = Array(defaults)
        // What comes later wins: the URL over the defaults, but the encoding over the URL.
        parameters.append((key: "fallback_application_name", value: settings.applicationName))
        parameters.append((key: "dbname", value: url))
        parameters.append((key: "client_encoding", value: "UTF8"))
        let keywords = parameters.map { strdup($0.key) }
        let values = parameters.map { strdup($0.value) }
        defer { for text in keywords + values { free(text) } }
        let end: [UnsafePointer<CChar>?] = [nil]
        return PQconnectStartParams(
            keywords.map { UnsafePointer($0) } + end, values.map { UnsafePointer($0) } + end, 1)
    }

    private static func establish(_ handle: OpaquePointer, within milliseconds: Int) throws(ConnectFailure) {
        let deadline = World.live.monotonic() + Int64(milliseconds)
        var events = POLLOUT
        while PQstatus(handle) != CONNECTION_BAD {
            let left = Int(deadline - World.live.monotonic())
            guard left > 0, waitForFile(PQsocket(handle), events, milliseconds: left) else {
                throw ConnectFailure(state: "", message: "no connection within \(milliseconds) ms")
            }
            switch PQconnectPoll(handle) {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_READING: events = POLLIN
            case PGRES_POLLING_WRITING: events = POLLOUT
            default: throw refusal(handle)
            }
        }
        throw refusal(handle)
    }

    /// "… FATAL:  53300: sorry, too many clients already\nLOCATION: …"
    private static func refusal(_ handle: OpaquePointer) -> ConnectFailure {
        let words = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
        let message = words.split(separator: "\n").first.map { String($0) } ?? "refused"
        let parts = message.split(separator: ": ").map { $0.drop(while: { $0 == " " }) }
        let state = parts.first { part in
            part.utf8.count == 5 && part.utf8.contains { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
                && part.allSatisfy { $0.isASCII && ($0.isNumber || $0.isUppercase) }
        }
        return ConnectFailure(state: state.map { String($0) } ?? "", message: message)
    }
}
