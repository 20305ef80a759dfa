internal import Bytes
internal import Glibc
internal import Runtime

/// A device's state folder: its identity, and what it still has to report.
enum DeviceFolder {
    /// Beside the worker's: `/var/lib/hatchfarm/device` for root; else below `XDG_STATE_HOME` or `~/.local/state`.
    static var standard: String {
        String(WorkerConfiguration.defaultStateFolder.dropLast("worker".count)) + "device"
    }

    static func path(_ given: String?) -> String { given.map(Files.absolute) ?? standard }
}

/// Which device this is, and the secret that proves it.
struct DeviceIdentity: Sendable, Equatable {
    var id: String
    /// 64 hex digits.
    var secret: String
    /// The server's URL.
    var server: String

    static func path(_ folder: String) -> String { "\(folder)/device.json" }

    /// nil when the folder has none. Throws `.misconfigured` when it is invalid, or readable by others.
    static func read(_ folder: String) throws(Failure) -> DeviceIdentity? {
        guard let bytes = try DurableFile.read(path(folder)) else { return nil }
        guard let json = try? JSON(parsing: bytes), let id = json["device_id"]?.string,
            let secret = json["device_secret"]?.string, let server = json["server"]?.string
        else { throw .misconfigured("\(path(folder)) is not the file of a registered device") }
        return DeviceIdentity(id: id, secret: secret, server: server)
    }

    func write(_ folder: String) throws(Failure) {
        let json: JSON = [
            "device_id": .string(id), "device_secret": .string(secret), "server": .string(server),
        ]
        try DurableFile.replace(json.bytes(.canonical) + [UInt8(ascii: "\n")], at: Self.path(folder))
    }
}

/// Held by the one process that is the device of a folder.
final class DeviceLock: Sendable {
    private let file: Int32

    /// Throws `.refused` when another process holds it.
    init(_ folder: String) throws(Failure) {
        let path = "\(folder)/device.lock"
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .misconfigured("cannot write \(path): \(Files.reason(errno))") }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            throw .refused("another process runs the device of \(folder)")
        }
    }

    deinit { Glibc.close(file) }
}
