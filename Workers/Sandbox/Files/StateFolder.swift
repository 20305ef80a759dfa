package import Bytes
internal import Glibc

/// Where a daemon keeps its jobs' folders: `<path>/jobs/<instance>/<job>`. The instance's folder is locked as long as
/// its daemon runs, so that a later one recognizes leftovers, however the earlier one ended.
package final class StateFolder: Sendable {
    package let path: String
    /// The random name of this daemon instance.
    let instance: String
    private let lock: InstanceLock
    private let world: World

    private var folder: String { "\(path)/jobs/\(instance)" }

    /// The lock is held as long as the file is open.
    private struct InstanceLock: ~Copyable, Sendable {
        let file: Descriptor
    }

    /// Creates what is missing, kills the leftover processes of dead daemons, and removes their folders.
    package init(at path: String, world: World = .live) throws(FileProblem) {
        self.path = path
        self.world = world
        try createFolder(path, mode: 0o711)
        let jobs = "\(path)/jobs"
        try createFolder(jobs, mode: 0o711)
        // A folder that is created but not locked yet must not look like a dead daemon's.
        let mutex = try Descriptor("\(path)/lock", O_RDWR | O_CREAT)
        guard flock(mutex.raw, LOCK_EX) == 0 else { throw .last("lock") }
        for name in fileNames(in: jobs) { try Self.removeIfDead(name, in: jobs) }
        instance = Hex.encode(world.random(8))
        let folder = "\(jobs)/\(instance)"
        try createFolder(folder, mode: 0o711)
        lock = InstanceLock(file: try Descriptor("\(folder)/alive", O_RDWR | O_CREAT))
        guard flock(lock.file.raw, LOCK_EX | LOCK_NB) == 0 else { throw .last("lock") }
    }

    deinit {
        try? removeFolder(at: folder)
    }

    /// Bytes that jobs can still write; `nil` if unknown.
    package var freeBytes: Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? .max : Int64(clamping: bytes)
    }

    /// Removes this instance's control groups and its folder, for processes that exit without running deinit. Without
    /// the folder no later instance would look for the groups. Must be the last call.
    package func remove() {
        LeftoverProcesses.kill(instance: instance)
        try? removeFolder(at: folder)
    }

    private static func removeIfDead(_ name: String, in jobs: String) throws(FileProblem) {
        let folder = "\(jobs)/\(name)"
        let raw = open("\(folder)/alive", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        if raw >= 0 {
            let file = Descriptor(taking: raw)
            guard flock(file.raw, LOCK_EX | LOCK_NB) == 0 else { return }
        }
        LeftoverProcesses.kill(instance: name)
        try removeFolder(at: folder)
    }

    /// Writes a file of this instance that no job sees.
    func write(_ bytes: [UInt8], to name: String) throws(FileProblem) -> String {
        let path = "\(folder)/\(name)"
        try Descriptor(path, O_WRONLY | O_CREAT | O_EXCL).write(bytes)
        return path
    }

    /// Writes the system call filter for this architecture to a file; `nil` if there is none.
    func writeFilter(_ world: World) throws(FileProblem) -> String? {
        guard let architecture = SeccompFilter.Architecture.current else { return nil }
        return try write(SeccompFilter(for: architecture).bytes, to: "seccomp-\(Hex.encode(world.random(4)))")
    }

    /// Creates a folder for one job: `work`, owned by the job's user, and `control`, which the job may read.
    package func makeJobFolder(for user: HostUser) throws(FileProblem) -> JobFolder {
        let name = Hex.encode(world.random(8))
        let job = "\(folder)/\(name)"
        try createFolder(job, mode: 0o711)
        try createFolder("\(job)/control", mode: 0o711)
        try createFolder("\(job)/work", mode: 0o700)
        if let id = user.id {
            guard chown("\(job)/work", id, id) == 0 else { throw .last("chown") }
            ProjectQuota.assign(id, to: "\(job)/work")
        }
        return JobFolder(state: self, name: name, path: job, work: WorkFolder(path: "\(job)/work", user: user))
    }
}

/// The folders of one run.
package struct JobFolder: Sendable {
    /// Kept alive: its deinit would remove this folder too.
    private let state: StateFolder
    /// Random and unique.
    let name: String
    let path: String
    package let work: WorkFolder

    init(state: StateFolder, name: String, path: String, work: WorkFolder) {
        self.state = state
        self.name = name
        self.path = path
        self.work = work
    }

    var control: String { "\(path)/control" }
    /// The path for the proxy socket of `Sandbox.run`.
    package var proxySocket: String { "\(path)/proxy" }

    /// Writes a file that only the job may read.
    func writeControl(_ name: String, _ text: String) throws(FileProblem) {
        try writeControl(name, Array(text.utf8))
    }

    func writeControl(_ name: String, _ bytes: [UInt8]) throws(FileProblem) {
        let file = try Descriptor("\(control)/\(name)", O_WRONLY | O_CREAT | O_EXCL, mode: 0o400)
        try file.write(bytes)
        if let id = work.user.id {
            guard fchown(file.raw, id, id) == 0 else { throw .last("chown") }
        }
    }

    /// Lets the folder be used for another run, with the same work folder. Call only after the run has ended.
    package func prepareForNextRun() throws(FileProblem) {
        try removeFolder(at: control)
        try createFolder(control, mode: 0o711)
        if let project = ProjectQuota.project(of: work) { ProjectQuota.clear(project, at: work.path) }
    }

    /// Makes an empty folder in the work folder. Call only before a run.
    package func makeWorkFolder(_ name: String) throws(FileProblem) {
        let folder = "\(work.path)/\(name)"
        guard mkdir(folder, 0o700) == 0 else { throw errno == EEXIST ? .notARegularFile : .last("create \(name)") }
        guard let id = work.user.id else { return }
        guard lchown(folder, id, id) == 0 else { throw .last("chown") }
    }

    /// Makes a folder that another run has left in its work folder this one's work folder, which must be empty and of
    /// the same user. Call only after that run has ended, and before this one's.
    /// - Throws: `notARegularFile` when what is there is no folder of that user.
    package func takeOver(_ name: String, of other: JobFolder) throws(FileProblem) {
        let source = "\(other.work.path)/\(name)"
        var status = stat()
        guard lstat(source, &status) == 0 else { throw errno == ENOENT ? .missing : .last("stat") }
        guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == work.user.actual else { throw .notARegularFile }
        guard rename(source, work.path) == 0 else { throw .last("rename") }
        chmod(work.path, 0o700)
    }

    /// Call only after the job has ended.
    package func remove() throws(FileProblem) {
        let project = ProjectQuota.project(of: work)
        try removeFolder(at: path)
        if let project { ProjectQuota.clear(project, at: state.path) }
    }
}

/// Creates a folder and its parents, with their modes regardless of the umask: jobs' users must be able to traverse
/// them.
private func createFolder(_ path: String, mode: mode_t) throws(FileProblem) {
    var parent = ""
    for part in path.split(separator: "/").dropLast() where path.hasPrefix("/") {
        parent += "/\(part)"
        if mkdir(parent, 0o755) == 0 { chmod(parent, 0o755) }
    }
    if mkdir(path, mode) == 0 { chmod(path, mode) } else if errno != EEXIST { throw .last("create \(path)") }
}
