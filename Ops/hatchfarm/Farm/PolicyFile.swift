internal import Bytes
internal import Domain
internal import Wire

/// Rules that an owner has written down for a machine: `--accept-policy FILE` (CONTRACT 5).
struct PolicyFile: Sendable {
    /// As they will be signed.
    let json: JSON
    let allowsNetwork: Bool

    /// Held against the server's own rules for them before anything is sent; the message names the field.
    init(_ path: String) throws(Failure) {
        let bytes = try Files.read(path, limit: 64 << 10)
        do {
            json = try JSON(parsing: bytes)
        } catch {
            throw .invalid("\(path) is no JSON: \(error)")
        }
        do {
            allowsNetwork = try PolicyRules(json).network ?? false
        } catch {
            throw .invalid("\(path): \(error.message); for example {\"max_cpu_percent\": 80, \"network\": false}")
        }
    }
}
