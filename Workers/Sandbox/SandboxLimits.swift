/// What one job may use. Memory, processes and processor time are limits of the kernel's, for the job where there are
/// control groups and else per process; the wall clock and the size of the work folder are the supervisor's.
package struct SandboxLimits: Sendable, Equatable {
    /// From start to kill.
    package var wallMilliseconds: Int64
    /// Bytes of memory of all its processes together; where there are no control groups, of each.
    package var memoryBytes: Int64
    /// Seconds of processor time of one process.
    package var cpuSeconds: Int64
    package var processes: Int
    /// Thousandths of a core at any moment; `nil`: as many as are free.
    package var milliCores: Int64?
    package var openFiles: Int
    /// Bytes of one file.
    package var fileBytes: Int64
    /// Bytes on disk, and names, in the work folder.
    package var workBytes: Int64
    package var workFiles: Int
    /// Bytes of `/tmp` and of `/dev/shm`, each.
    package var temporaryBytes: Int64
    /// Bytes of the log that are passed on.
    package var logBytes: Int
    /// Bytes of the output's end that are kept.
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

    /// Address space is only reserved, and runtimes reserve freely: the bound on it catches what isn't private memory.
    private var addressBytes: Int64 {
        let (bytes, isTooMuch) = memoryBytes.multipliedReportingOverflow(by: 4)
        return isTooMuch ? .max : bytes
    }

    /// The commands of a shell that take these limits. Memory is the control group's where there is one: a limit of
    /// address space fails programs that reserve more than they use.
    func commands(isGrouped: Bool) -> String {
        let kilobytes = isGrouped ? [] : ["-d \(memoryBytes >> 10)", "-v \(addressBytes >> 10)"]
        // Blocks of 512 bytes.
        let blocks = max(1, min(fileBytes, workBytes) >> 9)
        let words = kilobytes + ["-f \(blocks)", "-n \(openFiles)", "-t \(cpuSeconds)", "-l 64", "-c 0", "-r 0"]
        let commands = words.map { "ulimit \($0)" }
        // Processes: bash's letter, and dash's.
        return (commands + ["{ ulimit -u \(processes) 2>/dev/null || ulimit -p \(processes); }"])
            .joined(separator: " && ")
    }
}
