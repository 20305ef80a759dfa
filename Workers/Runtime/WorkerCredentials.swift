package import Bytes
package import Domain
internal import Glibc

/// A machine's credentials, kept in a file that only its user may read.
package struct WorkerCredentials: Sendable, Equatable {
    package var workerID: MachineID
    /// 48 hex digits, secret.
    package var machineToken: String
    /// The active policy that its owner consented to.
    package var policyID: PolicyID
    /// The server's URL.
    package var server: String
    /// The rules of that policy, as they were signed; `nil` in older files.
    package var rules: JSON?

    package init(workerID: MachineID, machineToken: String, policyID: PolicyID, server: String, rules: JSON? = nil) {
        self.workerID = workerID
        self.machineToken = machineToken
        self.policyID = policyID
        self.server = server
        self.rules = rules
    }

    package struct Problem: Error, Sendable {
        package let message: String
    }

    /// - Throws: when the file doesn't exist, others may read it, or it is invalid.
    package init(readingFrom path: String) throws(Problem) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Problem(message: "\(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        guard PrivateFile.isPrivate(file) else { throw Problem(message: PrivateFile.remedy(for: path)) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
        do {
            var fields = try Fields(JSON(parsing: Array(bytes.prefix(max(0, count)))))
            self.init(
                workerID: MachineID(try fields.string("worker_id")), machineToken: try fields.string("machine_token"),
                policyID: PolicyID(try fields.string("policy_id")), server: try fields.string("server"),
                rules: fields.optionalRaw("rules").flatMap { $0.isNull ? nil : $0 })
        } catch let error as FieldError {
            throw Problem(message: "\(path): \(error.message)")
        } catch {
            throw Problem(message: "\(path) is not valid JSON")
        }
    }

    /// Replaces the file atomically, with mode 600 from the start.
    package func save(to path: String) throws(Problem) {
        let fresh = "\(path).\(Hex.encode(randomBytes(4)))"
        let file = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Problem(message: "\(path): \(String(cString: strerror(errno)))") }
        let bytes = json.bytes(.compact) + [UInt8(ascii: "\n")]
        let written = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        let isComplete = written == bytes.count && fsync(file) == 0
        close(file)
        guard isComplete, rename(fresh, path) == 0 else {
            let message = String(cString: strerror(errno))
            unlink(fresh)
            throw Problem(message: "\(path): \(message)")
        }
    }

    package var json: JSON {
        [
            "worker_id": .string(workerID.text), "machine_token": .string(machineToken),
            "policy_id": .string(policyID.text),
            "server": .string(server), "rules": rules ?? .null,
        ]
    }
}
