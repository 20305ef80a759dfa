internal import Bytes
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
        while true {
            if group?.hasRunOutOfMemory == true { return Self.outOfMemory(limits) }
            let started = world.monotonic()
            if let excess = try await folderExcess(processes()) { return excess }
            // Use at most 5 % of one core.
            let took = max(0, world.monotonic() - started)
            try await world.sleep(.milliseconds(min(max(Self.interval, took * 20), 5_000)))
        }
    }

    static func outOfMemory(_ limits: SandboxLimits) -> String {
        "exceeded its memory limit of \(megabytes(limits.memoryBytes))"
    }

    private func folderExcess(_ processes: [pid_t]) async throws -> String? {
        guard var usage = try? FolderUsage(of: folder) else { return nil }
        while usage.read(256) {
            if let excess = excess(bytes: usage.bytes, files: usage.files) { return excess }
            try Task.checkCancellation()
            await Task.yield()
        }
        if usage.isTooDeep { return "exceeded the folder depth limit of \(FolderUsage.maxDepth)" }
        let unlinked = UnlinkedFiles(on: folder)?.bytes(heldBy: processes) ?? 0
        return excess(bytes: usage.bytes &+ unlinked, files: usage.files)
    }

    private func excess(bytes: Int64, files: Int) -> String? {
        if bytes > limits.workBytes { return "exceeded the work folder limit of \(Self.megabytes(limits.workBytes))" }
        return files > limits.workFiles ? "exceeded the work folder limit of \(limits.workFiles) files" : nil
    }

    private static func megabytes(_ bytes: Int64) -> String {
        bytes % (1 << 20) == 0 ? "\(bytes >> 20) MiB" : "\(bytes / 1_000_000) MB"
    }
}
