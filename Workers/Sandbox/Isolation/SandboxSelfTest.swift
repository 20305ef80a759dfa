internal import Bytes
internal import Glibc
internal import Subprocess
internal import Synchronization

/// Tests each layer of the sandbox with a program that would succeed without it.
struct SandboxSelfTest: Sendable {
    let sandbox: Sandbox
    let state: StateFolder
    let share: HostShare

    /// The time limit of a trial, which takes some tenths of a second on an idle machine. What decides one is what
    /// happens, never how long it took: a busy machine is no worse a sandbox.
    static let milliseconds: Int64 = 120_000

    private var controllers: Set<ControlGroupTree.Controller> { sandbox.groups?.tree.controllers ?? [] }
    private static let groupRemedy =
        "run the daemon as root, or under systemd with Delegate=yes, with this control group controller enabled"

    /// Runs all tests concurrently; takes some tenths of a second.
    func run() async -> [SandboxLayer] {
        async let unfiltered = unfiltered()
        async let filter = filter()
        async let domain = domain()
        async let memory = memory()
        async let processes = processes()
        async let processor = processor()
        async let folder = folder()
        async let quota = quota()
        async let audits = audits()
        let namespaces = SandboxLayer.works(SandboxFault.layer, "bubblewrap")
        let layers = await [
            namespaces, unfiltered, filter, domain, memory, processes, processor, folder.size, quota, folder.user,
            proxy, audits,
        ]
        return layers + [disk].compactMap(\.self)
    }

    /// Runs a script. Returns `nil` if it couldn't be run.
    /// - Parameter slot: one for the trial of quotas. All others are of slot 0 at the same time, and would share one.
    private func end(
        _ script: String, in sandbox: Sandbox, slot: Int = 0, _ change: (inout SandboxLimits) -> Void = { _ in },
        inspect: (JobFolder) -> Void = { _ in }
    ) async -> Sandbox.End? {
        var limits = SandboxLimits(wallMilliseconds: Self.milliseconds, memoryBytes: 256 << 20)
        change(&limits)
        var sandbox = sandbox
        sandbox.usesQuota = slot != 0
        guard let folder = try? state.makeJobFolder(for: HostUser(slot: slot)) else { return nil }
        defer { try? folder.remove() }
        let end = try? await sandbox.run(Program(["/bin/sh", "-c", script]), in: folder, limits: limits) { _ in }
        inspect(folder)
        return end
    }

    /// Tested without the filter, which would refuse the call anyway.
    private func unfiltered() async -> SandboxLayer {
        let name = "no nested user namespaces"
        var bare = sandbox
        if case .bubblewrap(var bubblewrap) = sandbox.kind {
            bubblewrap.filter = nil
            bare = Sandbox(kind: .bubblewrap(bubblewrap), groups: sandbox.groups, world: sandbox.world)
        }
        let end = await end("unshare --user true && echo nested || echo refused", in: bare)
        if end?.cause == .timedOut { return .undecided(name, isRequired: false) }
        if end?.output.hasSuffix("refused\n") == true { return .works(name, "bwrap --disable-userns") }
        return .missing(
            name, "only the system call filter keeps a job from creating them", "install bubblewrap 0.8 or newer",
            isRequired: false)
    }

    private func filter() async -> SandboxLayer {
        let name = "system call filter"
        let script = "setarch -R true 2>/dev/null && echo open; grep -q '^Seccomp:.2$' /proc/self/status && echo set"
        let end = await end(script, in: sandbox)
        if end?.output == "set\n" { return .works(name, "seccomp allowlist") }
        if end?.cause == .timedOut { return .undecided(name) }
        let known = SeccompFilter.Architecture.current != nil
        return .missing(
            name, known ? "a forbidden call was allowed" : "not available for this architecture",
            known ? "use a kernel with CONFIG_SECCOMP_FILTER" : "")
    }

    /// Without a domain a job may read the memory of its start shell, which has the same user.
    private func domain() async -> SandboxLayer {
        let name = SandboxLayer.landlock
        guard case .bubblewrap(let bubblewrap) = sandbox.kind else { return .undecided(name, isRequired: false) }
        switch bubblewrap.landlock {
        case .missing(let reason, let remedy): return .missing(name, reason, remedy, isRequired: false)
        case .untried: return .undecided(name, isRequired: false)
        case .used: break
        }
        let script = """
            (: < /proc/1/environ) 2>/dev/null && echo read; (echo x > /proc/self/comm) 2>/dev/null && echo wrote
            kill -0 1 2>/dev/null && echo signalled; echo tried
            """
        let end = await end(script, in: sandbox)
        switch end?.output {
        case "tried\n"?: return .works(name, "files, processes, signals and abstract sockets", isRequired: false)
        case "signalled\ntried\n"?:
            return .works(name, "files and processes; signals from Linux 6.12 on", isRequired: false)
        case let output? where output.hasSuffix("tried\n"):
            return .missing(name, "a job reached out of its domain", "", isRequired: false)
        default: return .undecided(name, isRequired: false)
        }
    }

    private func memory() async -> SandboxLayer {
        let name = "memory limit"
        let end = await end("dd if=/dev/zero of=/dev/null bs=48M count=1", in: sandbox) { $0.memoryBytes = 24 << 20 }
        switch end?.cause {
        case .timedOut: return .undecided(name)
        case .overLimit: return .works(name, "control group, per job" + shareText(share.memoryPercent))
        case .exited(let code) where code != 0:
            guard share.memoryPercent == nil else {
                return .missing(name, "the share of the machine's memory can't be enforced", Self.groupRemedy)
            }
            return .works(name, "rlimit, per process")
        default: return .missing(name, "a program exceeded its limit", Self.groupRemedy)
        }
    }

    private func processes() async -> SandboxLayer {
        let name = "process limit"
        let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do sleep 3 & done; echo all"
        let end = await end(script, in: sandbox) { $0.processes = 8 }
        if end?.cause == .timedOut { return .undecided(name) }
        guard let end, end.cause != .exited(0), !end.output.contains("all") else {
            return .missing(name, "a program exceeded its limit", Self.groupRemedy)
        }
        return .works(name, controllers.contains(.pids) ? "control group and rlimit" : "rlimit")
    }

    private func shareText(_ percent: Int?) -> String {
        percent.map { ", all jobs limited to \($0) % of the machine" } ?? ""
    }

    private func processor() async -> SandboxLayer {
        let name = "CPU limit"
        let isRequired = share.cpuPercent < 100
        switch await isThrottled() {
        case true?:
            let percent = isRequired ? share.cpuPercent : nil
            return .works(name, "control group" + shareText(percent), isRequired: isRequired)
        case nil: return .undecided(name, isRequired: isRequired)
        case false?:
            return .missing(
                name, "only total CPU time can be limited; jobs run at low priority", Self.groupRemedy,
                isRequired: isRequired)
        }
    }

    /// A busy loop in a group with 0.02 cores is throttled long before it ends by itself: it needs many times what the
    /// group may have at once. So its end decides, however long it takes to get there; `nil`: it didn't in time.
    private func isThrottled() async -> Bool? {
        let limits = SandboxLimits(memoryBytes: 64 << 20, milliCores: 20)
        guard let group = try? sandbox.groups?.makeGroup("self-test", limits: limits) else { return false }
        let join = group.processFiles.map { "echo 0 > \(Program.quoted($0))" }.joined(separator: " && ")
        let world = sandbox.world
        let loop = "i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done"
        let hasEnded = Flag()
        let looping = Task {
            _ = try? await Subprocess.run(
                .name("sh"), arguments: ["-c", "\(join) && \(loop)"],
                environment: .custom(["PATH": Sandbox.searchPath]), output: .discarded)
            hasEnded.set()
        }
        var turns: Int64 = 0
        while !group.hasBeenThrottled, !hasEnded.isSet, turns < Self.milliseconds / 5 {
            turns += 1
            try? await world.sleep(.milliseconds(5))
        }
        let isDecided = hasEnded.isSet
        let isThrottled = group.hasBeenThrottled
        looping.cancel()
        await group.end(world)
        await looping.value
        return isThrottled ? true : isDecided ? false : nil
    }

    /// Tests the limit of the work folder, and at the same time which user owns its files.
    private func folder() async -> (size: SandboxLayer, user: SandboxLayer) {
        var owner: uid_t?
        let script = "for i in 1 2 3; do head -c 900000 /dev/zero > part$i; done; sleep 100"
        let end = await end(script, in: sandbox) {
            $0.workBytes = 1 << 20
        } inspect: { folder in
            var status = stat()
            if lstat("\(folder.work.path)/part1", &status) == 0 { owner = status.st_uid }
        }
        let sizeName = "work folder size"
        var size = SandboxLayer.works(sizeName, "polled several times a second")
        switch end?.cause {
        case .overLimit?: break
        case .timedOut?: size = .undecided(sizeName)
        default: size = .missing(sizeName, "a job exceeded its limit", "")
        }
        let userName = "separate user"
        if let owner, owner != geteuid(), owner != 0 {
            return (size, .works(userName, "one per slot, from \(owner) on", isRequired: false))
        }
        return (
            size,
            .missing(userName, "jobs run as the daemon's user on the host", "run the daemon as root", isRequired: false)
        )
    }

    /// The second file exceeds the limit long before anybody looks.
    private func quota() async -> SandboxLayer {
        let name = "work folder quota"
        func missing(_ reason: String, _ remedy: String) -> SandboxLayer {
            .missing(name, "\(reason), so a job can pass its limit for a moment", remedy, isRequired: false)
        }
        guard geteuid() == 0 else { return missing("only root can set project quotas", "run the daemon as root") }
        let remedy = "mount the file system of the state folder with prjquota"
        guard ProjectQuota.isOn(at: state.path) else {
            return missing("the state folder's file system has no project quotas on", remedy)
        }
        let script = """
            for part in 1 2; do head -c 900000 /dev/zero 2>/dev/null > part$part && echo $part; done; echo tried
            """
        let end = await end(script, in: sandbox, slot: 1) { $0.workBytes = 1 << 20 }
        switch end?.cause {
        case .timedOut?, nil: return .undecided(name, isRequired: false)
        default: break
        }
        guard end?.output == "1\ntried\n" else {
            return missing("the state folder's file system counts by project, but doesn't limit", remedy)
        }
        return .works(name, "project quota, one per slot", isRequired: false)
    }

    /// `nil` when no limit was asked for.
    private var disk: SandboxLayer? {
        guard let megabytes = share.diskMegabytes else { return nil }
        let name = "disk limit"
        guard let disk = DiskLimit(megabytes: megabytes, folder: state.path) else {
            return .missing(
                name, "the state folder's file system is not on a disk that can be limited",
                "choose a folder on one with --state, or leave out --max-disk-mb")
        }
        guard let groups = sandbox.groups, groups.holdsDiskLimit else {
            return .missing(
                name, "reading and writing of \(disk.device) can't be limited",
                "\(Self.groupRemedy) (io, with version 1 blkio), or leave out --max-disk-mb")
        }
        let how = "control group, all jobs limited to \(megabytes) MB/s on \(disk.device)"
        if case .unified = groups.tree { return .works(name, how) }
        return .works(name, how + "; buffered writes aren't, with version 1")
    }

    private var proxy: SandboxLayer {
        let name = SandboxLayer.networkProxy
        guard Sandbox.isInstalled("socat") else {
            return .missing(name, "socat is not installed", "apt-get install socat", isRequired: false)
        }
        return .works(name, "socat", isRequired: false)
    }

    /// An audit's repository is fetched by `git` in the sandbox, through the proxy.
    private func audits() async -> SandboxLayer {
        let name = SandboxLayer.audits
        guard Sandbox.isInstalled("git") else {
            return .missing(
                name, "git is not installed, so audits are not offered", "apt-get install git", isRequired: false)
        }
        guard Sandbox.isInstalled("socat") else {
            return .missing(
                name, "socat is not installed, so audits are not offered", "apt-get install socat", isRequired: false)
        }
        let output = await end("git --version", in: sandbox)?.output ?? ""
        guard output.hasPrefix("git version ") else {
            return .missing(name, "git does not run in the sandbox", "apt-get install git", isRequired: false)
        }
        return .works(name, output.split(separator: "\n").first.map { String($0) } ?? "git", isRequired: false)
    }
}

/// Set once.
private final class Flag: Sendable {
    private let state = Mutex(false)

    var isSet: Bool { state.withLock { $0 } }

    func set() { state.withLock { $0 = true } }
}
