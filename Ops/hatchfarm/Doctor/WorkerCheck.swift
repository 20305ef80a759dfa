internal import Bytes
internal import Domain
internal import Glibc
internal import Runtime
internal import Sandbox
internal import Wire

/// Checks whether `hatchfarm worker` would work on this machine.
struct WorkerCheck {
    let environment: Environment
    /// nil: the one in the machine's credentials.
    let server: String?
    let stateFolder: String
    let credentialsPath: String

    func findings() async -> [Finding] {
        var findings = environment.findings(for: [.worker])
        findings += FolderCheck(name: "state", path: stateFolder, isCreatedAtStart: true, warnBelow: 10 << 30)
            .findings()
        findings += await sandbox()
        let (enrollment, known) = enrollment
        findings.append(enrollment)
        guard let address = server ?? known?.server else {
            let remedy = "use --server URL, or set HATCHFARM_SERVER"
            return findings + [ServerCheck.descriptors, .warn("server", "no server is configured", remedy: remedy)]
        }
        let (reachability, isReachable) = await reach(address)
        findings += reachability
        if isReachable, let known, known.server == address { findings.append(await authentication(known)) }
        return findings + [ServerCheck.descriptors]
    }

    /// Tests the sandbox as the daemon does.
    private func sandbox() async -> [Finding] {
        let state: StateFolder
        do {
            state = try StateFolder(at: stateFolder)
        } catch {
            let remedy = "run as the worker's user, or choose a folder with --state"
            return [.fail("sandbox", "\(stateFolder): \(error.message)", remedy: remedy)]
        }
        defer { state.remove() }
        let probe = await Sandbox.probe(in: state)
        let layers = probe.layers.map(Self.finding)
        guard probe.sandbox != nil else { return layers }
        let version = Self.firstLine("bwrap --version") ?? "bubblewrap"
        return [.ok("sandbox", "\(version), self-test took \(probe.milliseconds) ms")] + layers
    }

    /// Jobs can't be run without the required layers, and are less isolated without the others.
    private static func finding(_ layer: SandboxLayer) -> Finding {
        let name = "- \(layer.name)"
        switch layer.state {
        case .works(let how): return .ok(name, how)
        case .missing(let reason, let remedy):
            let remedy = remedy.isEmpty ? "none known for this machine" : remedy
            return layer.isRequired ? .fail(name, reason, remedy: remedy) : .warn(name, reason, remedy: remedy)
        case .undecided: return .warn(name, SandboxLayer.tooBusy, remedy: "try again when it is less busy")
        }
    }

    private var enrollment: (Finding, WorkerCredentials?) {
        guard Files.exists(credentialsPath) else {
            let remedy = "enroll it: hatchfarm worker --server URL --api-key KEY"
            return (.warn("credentials", "this machine is not enrolled (no \(credentialsPath))", remedy: remedy), nil)
        }
        do {
            let known = try WorkerCredentials(validating: credentialsPath)
            return (.ok("credentials", "\(known.workerID) at \(known.server), readable only by this user"), known)
        } catch {
            // The message already names the remedy for a wrong mode.
            let remedy = "chmod 600 \(credentialsPath); if that doesn't help, remove it and enroll the machine again"
            return (.fail("credentials", error.message, remedy: remedy), nil)
        }
    }

    private func reach(_ address: String) async -> (findings: [Finding], isReachable: Bool) {
        let before = World.live.now()
        let health: JSON
        do {
            health = try await Client(Credentials(server: address, key: "none", owner: nil)).get("/health")
        } catch let failure as Failure {
            let remedy = "check that the server is up, its address, the firewall, and its certificate"
            return ([.fail("server", failure.message, remedy: remedy)], false)
        } catch {
            return ([.fail("server", "\(error)", remedy: "retry")], false)
        }
        let after = World.live.now()
        let version = Text.sanitized(health["version"]?.string ?? "unknown version")
        let text = "\(address) responded in \(after - before) ms, \(version)"
        var findings: [Finding] = []
        let isLocal = ["http://127.", "http://localhost", "http://[::1]"].contains { address.hasPrefix($0) }
        if address.hasPrefix("https://") || isLocal {
            findings.append(.ok("server", text))
        } else {
            findings.append(
                .warn("server", "\(text), but the machine's token is sent in plain text", remedy: "use https://"))
        }
        if let theirs = health["timestamp"]?.string.flatMap({ RFC3339.parse($0) }) {
            findings.append(.clock("clock", skew: theirs - (before + after) / 2, of: "the server"))
        }
        return (findings, true)
    }

    /// Extends a lease that doesn't exist: only an authenticated machine gets an answer.
    private func authentication(_ known: WorkerCredentials) async -> Finding {
        let client = LeaseClient(known)
        let unknown = JobID("00000000-0000-7000-8000-000000000000")
        let request = ExtendRequest(jobID: unknown, claimToken: "none", extensionMilliseconds: 60_000)
        let finding: Finding
        do throws(ServerError) {
            _ = try await client.extend(ExtendBatch(leases: [request]), timeoutMilliseconds: 10_000)
            finding = .ok("machine", "the server accepts the token of \(known.workerID)")
        } catch .unauthorized(let message) {
            finding = .fail(
                "machine", "the server rejects the token of \(known.workerID): \(Text.sanitized(message))",
                remedy: "remove \(credentialsPath) and enroll the machine again, with --api-key")
        } catch {
            finding = .warn("machine", "could not be checked: \(Text.sanitized(error.message))", remedy: "retry")
        }
        await client.close()
        return finding
    }

    /// The first line of a command's output; nil if it fails.
    private static func firstLine(_ command: String) -> String? {
        guard let pipe = popen("\(command) 2>/dev/null", "r") else { return nil }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = bytes.withUnsafeMutableBytes { fread($0.baseAddress, 1, $0.count, pipe) }
        guard pclose(pipe) == 0 else { return nil }
        let line = bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }
        return line.isEmpty ? nil : Text.sanitized(String(decoding: line, as: UTF8.self))
    }
}
