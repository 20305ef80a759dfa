internal import Bytes
internal import Domain
internal import Wire

/// An owner's rules for a machine, from a file: `--accept-policy FILE` (CONTRACT 5).
struct PolicyFile: Sendable {
    /// The rules as they will be signed.
    let json: JSON
    let allowsNetwork: Bool

    /// Validates the rules as the server does; the error message names the field.
    init(_ path: String) throws(Failure) {
        let bytes = try Files.read(path, limit: 64 << 10)
        do {
            json = try JSON(parsing: bytes)
        } catch {
            throw .invalid("\(path) is not valid JSON: \(error)")
        }
        do {
            allowsNetwork = try PolicyRules(json).network ?? false
        } catch {
            throw .invalid("\(path): \(error.message); for example {\"max_cpu_percent\": 80, \"network\": false}")
        }
    }
}
