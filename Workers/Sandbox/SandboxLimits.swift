/// What one job may use. Memory, processes and processor time are limits of the kernel's per process or per sandbox;
/// the wall clock is the supervisor's.
package struct SandboxLimits: Sendable, Equatable {
    /// From start to kill.
    package var wallMilliseconds: Int64
    /// Bytes of private memory a process may write to.
    package var memoryBytes: Int64
    /// Seconds of processor time of one process.
    package var cpuSeconds: Int64
    package var processes: Int
    package var openFiles: Int
    /// Bytes of one file.
    package var fileBytes: Int64
    /// Bytes of `/tmp` and of `/dev/shm`, each.
    package var temporaryBytes: Int64
    /// Bytes of the log that are passed on.
    package var logBytes: Int
    /// Bytes of the output's end that are kept.
    package var outputBytes: Int

    package init(
        wallMilliseconds: Int64 = 600_000, memoryBytes: Int64 = 2 << 30, cpuSeconds: Int64 = 3_600,
        processes: Int = 256, openFiles: Int = 4_096, fileBytes: Int64 = 4 << 30, temporaryBytes: Int64 = 256 << 20,
        logBytes: Int = 1 << 20, outputBytes: Int = 64 << 10
    ) {
        self.wallMilliseconds = wallMilliseconds
        self.memoryBytes = memoryBytes
        self.cpuSeconds = cpuSeconds
        self.processes = processes
        self.openFiles = openFiles
        self.fileBytes = fileBytes
        self.temporaryBytes = temporaryBytes
        self.logBytes = logBytes
        self.outputBytes = outputBytes
    }

    /// Address space is only reserved, and runtimes reserve freely: the bound on it catches what isn't private memory.
    private var addressBytes: Int64 {
        let (bytes, isTooMuch) = memoryBytes.multipliedReportingOverflow(by: 4)
        return isTooMuch ? .max : bytes
    }

    /// The arguments of `prlimit`.
    var arguments: [String] {
        [
            "--core=0", "--nproc=\(processes)", "--nofile=\(openFiles)", "--fsize=\(fileBytes)", "--cpu=\(cpuSeconds)",
            "--data=\(memoryBytes)", "--as=\(addressBytes)", "--memlock=65536", "--msgqueue=0", "--rtprio=0",
        ]
    }
}
