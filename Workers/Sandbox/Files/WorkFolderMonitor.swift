internal import Bytes
internal import Glibc

/// Looks from time to time at what the kernel doesn't hold a job to by itself: how much its work folder holds, and
/// whether its memory has run out.
struct WorkFolderMonitor: Sendable {
    let folder: String
    let limits: SandboxLimits
    let group: ControlGroup?
    let world: World

    /// Milliseconds from start to the first look, and between two.
    private static let first: Int64 = 100
    private static let pause: Int64 = 250

    /// Returns when a limit is passed, with the words for the job's owner; throws when the task is cancelled.
    /// - Parameter processes: the job's, as they are when it is called.
    func waitForExcess(processes: @Sendable () -> [pid_t]) async throws -> String {
        try await world.sleep(.milliseconds(Self.first))
        while true {
            if group?.hasRunOutOfMemory == true { return Self.outOfMemory(limits) }
            let started = world.monotonic()
            if let excess = try await folderExcess(processes()) { return excess }
            // Looking takes a twentieth of one processor at most.
            let took = max(0, world.monotonic() - started)
            try await world.sleep(.milliseconds(min(max(Self.pause, took * 20), 5_000)))
        }
    }

    static func outOfMemory(_ limits: SandboxLimits) -> String {
        "used more than its \(megabytes(limits.memoryBytes)) of memory"
    }

    private func folderExcess(_ processes: [pid_t]) async throws -> String? {
        guard var usage = try? FolderUsage(of: folder) else { return nil }
        while usage.read(256) {
            if let excess = excess(bytes: usage.bytes, files: usage.files) { return excess }
            try Task.checkCancellation()
            await Task.yield()
        }
        if usage.isTooDeep { return "made folders more than \(FolderUsage.deepest) deep" }
        let unnamed = UnnamedFiles(on: folder)?.bytes(heldBy: processes) ?? 0
        return excess(bytes: usage.bytes &+ unnamed, files: usage.files)
    }

    private func excess(bytes: Int64, files: Int) -> String? {
        if bytes > limits.workBytes { return "its work folder held more than \(Self.megabytes(limits.workBytes))" }
        return files > limits.workFiles ? "its work folder held more than \(limits.workFiles) files" : nil
    }

    private static func megabytes(_ bytes: Int64) -> String {
        bytes % (1 << 20) == 0 ? "\(bytes >> 20) MiB" : "\(bytes / 1_000_000) MB"
    }
}
