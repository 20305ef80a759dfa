internal import Bytes
internal import Dispatch
internal import Glibc

/// Polls the limits that the kernel doesn't enforce by itself: the size of the work folder, and whether the job has run
/// out of memory.
struct WorkFolderMonitor: Sendable {
    let folder: String
    let limits: SandboxLimits
    let group: ControlGroup?
    let world: World

    /// In milliseconds.
    private static let initialDelay: Int64 = 100
    private static let interval: Int64 = 250

    /// Returns when a limit is exceeded, with a message for the job's owner; throws when the task is cancelled.
    /// - Parameter processes: returns the job's current processes.
    func waitForExcess(processes: @Sendable () -> [pid_t]) async throws -> String {
        try await world.sleep(.milliseconds(Self.initialDelay))
        var unlinked = UnlinkedFiles(on: folder)
        while true {
            if group?.hasRunOutOfMemory == true { return Self.outOfMemory(limits) }
            var used: Int64 = 0
            if let excess = try await folderExcess(processes(), &unlinked, &used) { return excess }
            // Use at most 5 % of one core: of its time, not of the clock's, which on a busy machine runs on meanwhile.
            try await world.sleep(.milliseconds(min(max(Self.interval, used / 1_000 * 20), 5_000)))
        }
    }

    static func outOfMemory(_ limits: SandboxLimits) -> String {
        "exceeded its memory limit of \(megabytes(limits.memoryBytes))"
    }

    /// - Parameter used: grows by the microseconds of processor time that it takes.
    private func folderExcess(
        _ processes: [pid_t], _ unlinked: inout UnlinkedFiles?, _ used: inout Int64
    ) async throws -> String? {
        guard var usage = try? FolderUsage(of: folder) else { return nil }
        var hasMore = true
        while hasMore {
            // Between two suspensions: only there it is the same thread's time.
            let started = Self.processorTime
            hasMore = usage.read(256)
            used &+= Self.processorTime &- started
            if let excess = excess(bytes: usage.bytes, files: usage.files) { return excess }
            try Task.checkCancellation()
            await Task.yield()
        }
        if usage.isTooDeep { return "exceeded the folder depth limit of \(FolderUsage.maxDepth)" }
        guard let before = unlinked else { return excess(bytes: usage.bytes, files: usage.files) }
        let (after, bytes, time) = await Self.look(before, at: processes)
        unlinked = after
        used &+= time
        return excess(bytes: usage.bytes &+ bytes, files: usage.files)
    }

    /// One thread for all jobs' `/proc`: the kernel may keep a reader there waiting, and nobody else waits with it.
    private static let thread = DispatchQueue(label: "hatchfarm.proc")

    /// - Returns: also the processor time that it took, in microseconds.
    private static func look(
        _ unlinked: UnlinkedFiles, at processes: [pid_t]
    ) async -> (UnlinkedFiles, bytes: Int64, time: Int64) {
        await withCheckedContinuation { answer in
            thread.async {
                let started = processorTime
                var unlinked = unlinked
                let bytes = unlinked.look(at: processes)
                answer.resume(returning: (unlinked, bytes, processorTime &- started))
            }
        }
    }

    /// Microseconds that this thread has used.
    private static var processorTime: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1_000
    }

    private func excess(bytes: Int64, files: Int) -> String? {
        if bytes > limits.workBytes { return "exceeded the work folder limit of \(Self.megabytes(limits.workBytes))" }
        return files > limits.workFiles ? "exceeded the work folder limit of \(limits.workFiles) files" : nil
    }

    private static func megabytes(_ bytes: Int64) -> String {
        bytes % (1 << 20) == 0 ? "\(bytes >> 20) MiB" : "\(bytes / 1_000_000) MB"
    }
}
