internal import Bytes
internal import Domain
internal import Glibc
internal import Runtime
internal import Sandbox
internal import Wire

/// What `hatchfarm worker` would find on this machine.
struct WorkerCheckup {
    let environment: Environment
    /// nil: as the machine's credentials say.
    let server: String?
    let stateFolder: String
    let credentialsPath: String

    func findings() async -> [Finding] {
        var findings = environment.findings(for: [.worker])
        findings += FolderCheckup(name: "state", path: stateFolder, isMade: true, comfortable: 10 << 30).findings()
        findings += await sandbox()
        let (enrolment, known) = enrolment
        findings.append(enrolment)
        guard let address = server ?? known?.server else {
            let remedy = "--server URL, or HATCHFARM_SERVER"
            return findings + [ServerCheckup.descriptors, .warn("server", "none is known", remedy: remedy)]
        }
        let (answers, isThere) = await reach(address)
        findings += answers
        if isThere, let known, known.server == address { findings.append(await recognition(known)) }
        return findings + [ServerCheckup.descriptors]
    }

    /// Tries it as the daemon will.
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
        return [.ok("sandbox", "\(version), all trials took \(probe.milliseconds) ms")] + layers
    }

    /// Jobs can't be run without what is required, and are held less tightly without the rest.
    private static func finding(_ layer: SandboxLayer) -> Finding {
        let name = "- \(layer.name)"
        switch layer.state {
        case .works(let how): return .ok(name, how)
        case .missing(let why, let remedy):
            let remedy = remedy.isEmpty ? "none is known for this machine" : remedy
            return layer.isRequired ? .fail(name, why, remedy: remedy) : .warn(name, why, remedy: remedy)
        }
    }

    private var enrolment: (Finding, WorkerCredentials?) {
        guard Files.isThere(credentialsPath) else {
            let remedy = "hatchfarm worker --server URL --api-key KEY enrols it"
            return (.warn("credentials", "this machine is not enrolled (no \(credentialsPath))", remedy: remedy), nil)
        }
        do {
            let known = try WorkerCredentials(trusting: credentialsPath)
            return (.ok("credentials", "\(known.workerID) at \(known.server), for this user's eyes only"), known)
        } catch {
            // The sentence has it when it is about the mode.
            let remedy = "chmod 600 \(credentialsPath); if that isn't it, remove it and enrol the machine anew"
            return (.fail("credentials", error.message, remedy: remedy), nil)
        }
    }

    private func reach(_ address: String) async -> (findings: [Finding], isThere: Bool) {
        let before = World.live.now()
        let health: JSON
        do {
            health = try await Client(Credentials(server: address, key: "none", owner: nil)).get("/health")
        } catch let failure as Failure {
            let remedy = "is it up? Is the address right, the firewall open, and its certificate valid?"
            return ([.fail("server", failure.message, remedy: remedy)], false)
        } catch {
            return ([.fail("server", "\(error)", remedy: "try again")], false)
        }
        let after = World.live.now()
        let version = Text.tame(health["version"]?.string ?? "of no known version")
        let text = "\(address) answers in \(after - before) ms, \(version)"
        var findings: [Finding] = []
        let isLocal = ["http://127.", "http://localhost", "http://[::1]"].contains { address.hasPrefix($0) }
        if address.hasPrefix("https://") || isLocal {
            findings.append(.ok("server", text))
        } else {
            findings.append(
                .warn("server", "\(text), and the machine's token travels in the clear", remedy: "use https://"))
        }
        if let theirs = health["timestamp"]?.string.flatMap({ RFC3339.parse($0) }) {
            findings.append(.clock("clock", skew: theirs - (before + after) / 2, of: "the server"))
        }
        return (findings, true)
    }

    /// Asks about a lease that nobody has: whoever gets an answer is known.
    private func recognition(_ known: WorkerCredentials) async -> Finding {
        let client = LeaseClient(known)
        let nobody = JobID("00000000-0000-7000-8000-000000000000")
        let request = ExtendRequest(jobID: nobody, claimToken: "none", extensionMilliseconds: 60_000)
        let finding: Finding
        do throws(ServerError) {
            _ = try await client.extend(ExtendBatch(leases: [request]), timeoutMilliseconds: 10_000)
            finding = .ok("machine", "the server knows \(known.workerID)")
        } catch .unauthorized(let message) {
            finding = .fail(
                "machine", "the server doesn't know \(known.workerID): \(Text.tame(message))",
                remedy: "remove \(credentialsPath) and enrol the machine anew, with --api-key")
        } catch {
            finding = .warn("machine", "it could not be asked: \(Text.tame(error.message))", remedy: "try again")
        }
        await client.close()
        return finding
    }

    /// What a command of ours prints first; nil when it fails.
    private static func firstLine(_ command: String) -> String? {
        guard let pipe = popen("\(command) 2>/dev/null", "r") else { return nil }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = bytes.withUnsafeMutableBytes { fread($0.baseAddress, 1, $0.count, pipe) }
        guard pclose(pipe) == 0 else { return nil }
        let line = bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }
        return line.isEmpty ? nil : Text.tame(String(decoding: line, as: UTF8.self))
    }
}
