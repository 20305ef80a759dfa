/// The limits of one job. The kernel enforces memory, processes and CPU time: per job where control groups are
/// available, else per process. The daemon enforces the wall-clock time and the size of the work folder.
package struct SandboxLimits: Sendable, Equatable {
    /// Wall-clock time until the job is killed.
    package var wallMilliseconds: Int64
    /// Bytes of memory for all processes together; without control groups, for each.
    package var memoryBytes: Int64
    /// Seconds of CPU time for each process.
    package var cpuSeconds: Int64
    package var processes: Int
    /// Thousandths of a core at any moment; `nil`: unlimited.
    package var milliCores: Int64?
    package var openFiles: Int
    /// The maximum size of a file, in bytes.
    package var fileBytes: Int64
    /// Bytes on disk, and directory entries, in the work folder.
    package var workBytes: Int64
    package var workFiles: Int
    /// Bytes of `/tmp`, and of `/dev/shm`.
    package var temporaryBytes: Int64
    /// Bytes of the log that are forwarded.
    package var logBytes: Int
    /// Bytes kept from the end of the output.
    package var outputBytes: Int

    package init(
        wallMilliseconds: Int64 = 600_000, memoryBytes: Int64 = 2 << 30, cpuSeconds: Int64 = 3_600,
        processes: Int = 256, milliCores: Int64? = nil, openFiles: Int = 4_096, fileBytes: Int64 = 4 << 30,
        workBytes: Int64 = 8 << 30, workFiles: Int = 200_000, temporaryBytes: Int64 = 256 << 20,
        logBytes: Int = 1 << 20, outputBytes: Int = 64 << 10
    ) {
        self.wallMilliseconds = wallMilliseconds
        self.memoryBytes = memoryBytes
        self.cpuSeconds = cpuSeconds
        self.processes = processes
        self.milliCores = milliCores
        self.openFiles = openFiles
        self.fileBytes = fileBytes
        self.workBytes = workBytes
        self.workFiles = workFiles
        self.temporaryBytes = temporaryBytes
        self.logBytes = logBytes
        self.outputBytes = outputBytes
    }

    /// Runtimes reserve address space generously, so its limit is loose: it only catches memory that isn't private.
    private var addressBytes: Int64 {
        let (bytes, overflow) = memoryBytes.multipliedReportingOverflow(by: 4)
        return overflow ? .max : bytes
    }

    /// Shell commands that set these limits. Where there is a control group it limits memory instead: limiting the
    /// address space breaks programs that reserve more than they use.
    func commands(isGrouped: Bool) -> String {
        let kilobytes = isGrouped ? [] : ["-d \(memoryBytes >> 10)", "-v \(addressBytes >> 10)"]
        // Blocks of 512 bytes.
        let blocks = max(1, min(fileBytes, workBytes) >> 9)
        let options = kilobytes + ["-f \(blocks)", "-n \(openFiles)", "-t \(cpuSeconds)", "-l 64", "-c 0", "-r 0"]
        let commands = options.map { "ulimit \($0)" }
        // For processes bash has -u and dash -p.
        return (commands + ["{ ulimit -u \(processes) 2>/dev/null || ulimit -p \(processes); }"])
            .joined(separator: " && ")
    }
}
