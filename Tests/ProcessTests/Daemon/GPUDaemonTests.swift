import Bytes
import Foundation
import Glibc
import Support
import Testing

/// Real daemons that lend fake GPUs: device files of drivers that every kernel has.
@Suite("A daemon with GPUs", .timeLimit(.minutes(4)))
struct GPUDaemonTests {
    /// A job that says which it was given, which of these are there, and how many bytes it reads of each; then sleeps.
    private func submitted(
        _ farm: Farm, _ title: String, gpus: Int, of devices: [String], seconds: Int = 0
    ) async throws -> String {
        let script = """
            echo "given $HATCHFARM_GPUS"
            for file in \(devices.joined(separator: " ")); do
                [ -e $file ] && echo "$file $(head -c 2 $file | wc -c)"
            done
            head -c 1 \(devices[0]) 2>&1 >/dev/null | grep -o 'No such file'
            echo end; sleep \(seconds)
            """
        return try await farm.owner.submitted(
            title,
            [
                .init("command", ["sh", "-c", .string(script)]), .init("resources", ["gpu": JSON(gpus)]),
                .init("duration_minutes", 20),
            ])
    }

    private func log(of job: String, _ farm: Farm) async throws -> String {
        let logs = try await farm.owner.client.get("/api/v1/jobs/\(job)/logs").expecting(200).json["logs"]
        return (logs?.array ?? []).compactMap { $0["text"]?.string }.joined()
    }

    /// What a job has said when it has said all.
    private func said(by job: String, _ farm: Farm) async throws -> String {
        try await eventually("\(job) has begun", within: .seconds(60)) {
            try await log(of: job, farm).contains("end\n")
        }
        return try await log(of: job, farm)
    }

    private func expectEnd(of job: String, _ status: String, _ farm: Farm) async throws {
        // The daemon hears of a cancelled job, and asks for others with what has become free, each some seconds later.
        try await eventually("\(job) is \(status)", within: .seconds(90)) {
            try await farm.owner.status(of: job) == status
        }
    }

    @Test(
        "each job has GPUs that no other has, they are free when it is stopped, and without a need it sees none",
        .enabled(if: FakeDevice.isPermitted, "only root may make device files"))
    func jobs() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let zero = try FakeDevice.make(.zero, mode: 0o660, group: 4_711)
            let (null, control) = (try FakeDevice.make(.null), try FakeDevice.make(.urandom))
            let all = [zero, null, control]
            let lines = [zero: "given \(zero)\n\(zero) 2\n\(control) 2\nend\n", null: "given \(null)\n\(null) 0\n"]
            let daemon = try await FarmDaemon(
                "gpus", for: farm.owner,
                ["--jobs", "4", "--gpu", zero, "--gpu", null, "--gpu-shared", control])
            let first = try await submitted(farm, "first", gpus: 1, of: all, seconds: 600)
            #expect(try await said(by: first, farm) == lines[zero])
            let second = try await submitted(farm, "second", gpus: 1, of: all, seconds: 600)
            let words = try await said(by: second, farm)
            #expect(words.hasPrefix(lines[null] ?? "none") && !words.contains(zero), "\(words)")
            #expect(words.contains("\(control) 2\nNo such file\nend\n"), "\(words)")
            let both = try await submitted(farm, "both", gpus: 2, of: all)
            let without = try await submitted(farm, "without", gpus: 0, of: all)
            try await expectEnd(of: without, "completed", farm)
            #expect(try await log(of: without, farm) == "given \nNo such file\nend\n")
            #expect(try await farm.owner.status(of: both) == "pending")
            for job in [first, second] {
                #expect(try await farm.owner.status(of: job) == "running")
                _ = try await farm.owner.client.delete("/api/v1/jobs/\(job)")
            }
            try await expectEnd(of: both, "completed", farm)
            let end = "given \(zero),\(null)\n\(zero) 2\n\(null) 0\n\(control) 2\nend\n"
            #expect(try await log(of: both, farm) == end)
            daemon.signal(SIGTERM)
            #expect(try await daemon.end(within: .seconds(60)) == .exited(0), "\(daemon.said)")
        }
    }

    @Test(
        "a policy of half lends one of two", .enabled(if: FakeDevice.isPermitted, "only root may make device files"))
    func half() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let gpus = [try FakeDevice.make(.zero), try FakeDevice.make(.null)]
            let rules = Scratch.path("rules.json")
            try Data(#"{"max_cpu_percent":100,"max_gpu_percent":50}"#.utf8).write(to: URL(fileURLWithPath: rules))
            let daemon = try await FarmDaemon(
                "half", for: farm.owner,
                ["--jobs", "4", "--gpu", gpus[0], "--gpu", gpus[1], "--accept-policy", rules])
            let both = try await submitted(farm, "both", gpus: 2, of: gpus)
            let first = try await submitted(farm, "first", gpus: 1, of: gpus, seconds: 600)
            #expect(try await said(by: first, farm) == "given \(gpus[0])\n\(gpus[0]) 2\nend\n")
            let second = try await submitted(farm, "second", gpus: 1, of: gpus)
            let without = try await submitted(farm, "without", gpus: 0, of: gpus)
            try await expectEnd(of: without, "completed", farm)
            #expect(try await farm.owner.status(of: second) == "pending")
            _ = try await farm.owner.client.delete("/api/v1/jobs/\(first)")
            try await expectEnd(of: second, "completed", farm)
            #expect(try await log(of: second, farm) == "given \(gpus[0])\n\(gpus[0]) 2\nend\n")
            #expect(try await farm.owner.status(of: both) == "pending")
            daemon.signal(SIGTERM)
            #expect(try await daemon.end(within: .seconds(60)) == .exited(0), "\(daemon.said)")
        }
    }

    private func refused(_ arguments: [String]) async throws -> (ending: ChildProcess.Ending, words: String) {
        let child = try await ChildProcess(
            FarmServer.program,
            [
                "worker", "--server", "http://127.0.0.1:9", "--api-key", "hf_any", "--state", Scratch.path("state"),
            ] + arguments, environment: ["HOME": Scratch.path("home")])
        return (try await child.end(), child.errors)
    }

    static let senseless: [(arguments: [String], words: String)] = [
        (["--gpu", "dev/null"], "--gpu \"dev/null\" must be an absolute path"),
        (["--gpu", "/dev/../dev/null"], "must be an absolute path"),
        (["--gpu", "/dev/null,"], "--gpu \"\" must be an absolute path"),
        (["--gpu", "/dev/null,/dev/null"], "--gpu /dev/null is given twice"),
        (["--gpu", "/dev/null", "--gpu", "/dev/null"], "--gpu /dev/null is given twice"),
        (["--gpu", "/dev/null", "--gpu-shared", "/dev/null"], "--gpu-shared /dev/null is given twice"),
        (["--gpu-shared", "/dev/null"], "--gpu-shared needs --gpu"),
        (
            [
                "--gpu", "/dev/null", "--executor", "slurm", "--slurm-partition", "p", "--slurm-folder", "/tmp",
                "--cpu", "1", "--memory", "1",
            ], "no effect with --executor slurm"
        ),
    ]

    @Test("options that make no sense are refused with what is wrong", arguments: GPUDaemonTests.senseless)
    func usage(arguments: [String], words: String) async throws {
        let end = try await refused(arguments)
        #expect(end.ending == .exited(64) && end.words.contains(words), "\(end)")
    }

    @Test("as many are lent as a job may ask for")
    func count() async throws {
        let end = try await refused((0...1_024).flatMap { ["--gpu", "/dev/gpu\($0)"] })
        #expect(end.ending == .exited(64) && end.words.contains("--gpu may be given at most 1024 times"), "\(end)")
    }

    @Test("devices that jobs can't be given are refused with the option, the path and the remedy")
    func devices() async throws {
        let link = Scratch.path("link")
        #expect(symlink("/dev/null", link) == 0)
        let toFile = Scratch.path("to-file")
        #expect(symlink("/etc/passwd", toFile) == 0)
        var cases: [(arguments: [String], words: String)] = [
            (["--gpu", "/dev/null,/dev/nowhere"], "--gpu /dev/nowhere does not exist: load its driver, or correct"),
            (["--gpu", "/etc/passwd"], "--gpu /etc/passwd is not a character device: name a device file"),
            (["--gpu", "/dev"], "--gpu /dev is not a character device"),
            (["--gpu", toFile], "--gpu \(toFile) is not a character device"),
            (["--gpu", "/dev/null", "--gpu-shared", "/etc"], "--gpu-shared /etc is not a character device"),
            (["--gpu", link, "--gpu", "/dev/null"], "--gpu /dev/null is the same device as \(link): name it once"),
        ]
        if FakeDevice.isPermitted {
            let closed = try FakeDevice.make(.zero, mode: 0o600)
            let words = "--gpu \(closed) cannot be opened by jobs: let everybody read"
            cases.append((arguments: ["--gpu", closed], words: words))
        }
        for (arguments, words) in cases {
            let end = try await refused(arguments)
            #expect(end.ending == .exited(78) && end.words.contains(words), "\(end)")
        }
    }
}
