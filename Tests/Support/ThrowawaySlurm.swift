import Bytes
import Foundation
import Glibc
import Synchronization

/// A Slurm cluster of one node, this machine, of a test's own: controller, node, and a folder for jobs. Gone with the
/// process. It watches memory as a cluster without cgroups does.
package final class ThrowawaySlurm: Sendable {
    package let configurationFile: String
    /// A folder that the node sees too.
    package let shared: String
    /// Partitions: `debug`, and `off`, which is down.
    package let partition = "debug"
    /// What the node has; its one feature is `ssd`.
    package static let (cores, memoryMiB, gpus) = (16, 16_000, 2)

    private let directory: String
    private let controller = Mutex<ChildProcess?>(nil)
    private let node = Mutex<ChildProcess?>(nil)

    /// Starts it, and returns when the node is idle.
    /// - Parameter hasBubblewrap: whether jobs find `bwrap` on the node.
    package init(hasBubblewrap: Bool = true) async throws {
        for program in ["slurmctld", "slurmd"] where !FileManager.default.isExecutableFile(atPath: Self.path(program)) {
            throw ToolFailure(description: "\(program) isn't installed: run Ops/install test")
        }
        directory = Scratch.path("slurm")
        shared = "\(directory)/shared"
        configurationFile = "\(directory)/slurm.conf"
        for path in [directory, shared, "\(directory)/state", "\(directory)/spool"] {
            guard mkdir(path, 0o755) == 0 else { throw ToolFailure(description: "can't make \(path)") }
        }
        let directory = directory
        Scratch.atExit { Self.killAll(of: directory) }
        // Jobs' users must pass, whatever the umask.
        for path in [directory, shared] { chmod(path, 0o755) }
        let controllerPort = try Tool.freePort()
        var nodePort = try Tool.freePort()
        // The first is free again when the second is asked for.
        while nodePort == controllerPort { nodePort = try Tool.freePort() }
        let text = Self.configuration(in: directory, controllerPort, nodePort)
        try text.write(toFile: configurationFile, atomically: true, encoding: .utf8)
        let devices = ["null", "zero"].map { "Name=gpu File=/dev/\($0)\n" }.joined()
        try devices.write(toFile: "\(directory)/gres.conf", atomically: true, encoding: .utf8)
        try await startController()
        var words = [Self.path("slurmd"), "-D", "-N", "localhost", "-f", configurationFile]
        if !hasBubblewrap {
            let hiding = "mount --bind /bin/false \"$(command -v bwrap)\" && exec \"$0\" \"$@\""
            words = ["/usr/bin/unshare", getuid() == 0 ? "-m" : "-rm", "/bin/sh", "-c", hiding] + words
        }
        let child = try await ChildProcess(words[0], Array(words.dropFirst()))
        node.withLock { $0 = child }
        try await eventually("the node is idle", within: .seconds(30)) {
            try await self.run("sinfo", ["--noheader", "--partition=debug", "--format=%T"]).hasPrefix("idle")
        }
    }

    /// Ends all jobs, then the node and the controller.
    package func stop() async throws {
        try await run("scancel", ["--me", "--full", "--signal=KILL"])
        try await run("scancel", ["--me"])
        try await eventually("all jobs are gone", within: .seconds(30)) { try await queue().isEmpty }
        for child in [node.withLock { $0 }, controller.withLock { $0 }] {
            child?.signal(SIGTERM)
            _ = try await child?.end()
        }
    }

    /// Runs one of Slurm's programs; returns what it printed.
    @discardableResult
    package func run(_ program: String, _ arguments: [String]) async throws -> String {
        try await Tool.run("/usr/bin/env", ["SLURM_CONF=\(configurationFile)", program] + arguments)
    }

    /// The ids of all jobs that wait, run or are being killed.
    package func queue() async throws -> [String] {
        try await run("squeue", ["--noheader", "--format=%i"]).split(separator: "\n").map { String($0) }
    }

    /// The controller goes away in good order: what it knows is on disk.
    package func stopController() async throws {
        let child = controller.withLock { $0 }
        child?.signal(SIGTERM)
        _ = try await child?.end()
    }

    package func startController() async throws {
        let child = try await ChildProcess(Self.path("slurmctld"), ["-D", "-f", configurationFile])
        controller.withLock { $0 = child }
        try await eventually("the controller answers", within: .seconds(30)) {
            (try? await self.run("scontrol", ["ping"])) != nil
        }
    }

    /// Ends the cluster of a directory with the jobs that run on it: they would outlive the node's daemon.
    static func killAll(of directory: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for pid in names.compactMap({ Int32($0) }) where pid > 1 && pid != getpid() {
            // A job's script stands in the spool folder, and its variables name the configuration.
            let told = ["cmdline", "environ"].compactMap { FileManager.default.contents(atPath: "/proc/\(pid)/\($0)") }
            guard told.contains(where: { String(decoding: $0, as: UTF8.self).contains("\(directory)/") }) else {
                continue
            }
            let status = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
            let words = status.split(separator: ")").last?.split(separator: " ") ?? []
            // Each job's overseer tells its name only.
            if words.count > 1, let parent = Int32(words[1]), parent > 1,
                (try? String(contentsOfFile: "/proc/\(parent)/cmdline", encoding: .utf8))?.hasPrefix("slurmstepd:")
                    == true
            {
                _ = Glibc.kill(parent, SIGKILL)
            }
            _ = Glibc.kill(pid, SIGKILL)
        }
    }

    private static func path(_ program: String) -> String { "/usr/sbin/\(program)" }

    private static func configuration(in directory: String, _ controllerPort: Int, _ nodePort: Int) -> String {
        let user = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "root"
        return """
            ClusterName=throwaway
            SlurmctldHost=localhost(127.0.0.1)
            SlurmctldPort=\(controllerPort)
            SlurmdPort=\(nodePort)
            AuthType=auth/none
            CredType=cred/none
            SlurmUser=\(user)
            SlurmdUser=\(user)
            StateSaveLocation=\(directory)/state
            SlurmdSpoolDir=\(directory)/spool
            SlurmctldPidFile=\(directory)/slurmctld.pid
            SlurmdPidFile=\(directory)/slurmd.pid
            SlurmctldLogFile=\(directory)/slurmctld.log
            SlurmdLogFile=\(directory)/slurmd.log
            ProctrackType=proctrack/linuxproc
            TaskPlugin=task/none
            SelectType=select/cons_tres
            SelectTypeParameters=CR_Core_Memory
            SchedulerType=sched/builtin
            SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
            MpiDefault=none
            SwitchType=switch/none
            JobAcctGatherType=jobacct_gather/linux
            JobAcctGatherFrequency=task=1
            JobAcctGatherParams=OverMemoryKill,UsePss
            ReturnToService=2
            MinJobAge=300
            KillWait=2
            MessageTimeout=5
            SlurmdParameters=config_overrides
            GresTypes=gpu
            NodeName=localhost NodeAddr=127.0.0.1 CPUs=\(cores) RealMemory=\(memoryMiB) Gres=gpu:\(gpus) Feature=ssd
            PartitionName=debug Nodes=ALL Default=YES DefMemPerCPU=100 MaxTime=INFINITE State=UP
            PartitionName=off Nodes=ALL State=DOWN

            """
    }
}
