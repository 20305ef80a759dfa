package import Bytes
internal import Glibc

/// Where a daemon keeps its jobs' folders: `<path>/jobs/<life>/<job>`. The life's folder is locked as long as its
/// daemon lives, so that a later one knows what was left behind, whatever ended the earlier.
package final class StateFolder: Sendable {
    package let path: String
    /// The name of this daemon's life, random.
    let lifeName: String
    private let lock: Life
    private let world: World

    private var life: String { "\(path)/jobs/\(lifeName)" }

    /// Holds the lock by staying open.
    private struct Life: ~Copyable, Sendable {
        let file: Descriptor
    }

    /// Creates what is missing, and ends and removes what dead daemons left.
    package init(at path: String, world: World = .live) throws(FileProblem) {
        self.path = path
        self.world = world
        try createFolder(path, mode: 0o711)
        let jobs = "\(path)/jobs"
        try createFolder(jobs, mode: 0o711)
        // Nobody may take a folder that is made but not locked yet for a dead one's.
        let gate = try Descriptor("\(path)/lock", O_RDWR | O_CREAT)
        guard flock(gate.raw, LOCK_EX) == 0 else { throw .last("lock") }
        for name in fileNames(in: jobs) { try Self.removeIfDead(name, in: jobs) }
        lifeName = Hex.encode(world.random(8))
        let life = "\(jobs)/\(lifeName)"
        try createFolder(life, mode: 0o711)
        lock = Life(file: try Descriptor("\(life)/alive", O_RDWR | O_CREAT))
        guard flock(lock.file.raw, LOCK_EX | LOCK_NB) == 0 else { throw .last("lock") }
    }

    deinit {
        try? removeFolder(at: life)
    }

    /// Removes this life's control groups and its folder, for processes that exit with objects in their hands. Without
    /// the folder no later life would look for the groups. The last call.
    package func remove() {
        LeftoverProcesses.end(life: lifeName)
        try? removeFolder(at: life)
    }

    private static func removeIfDead(_ name: String, in jobs: String) throws(FileProblem) {
        let life = "\(jobs)/\(name)"
        let raw = open("\(life)/alive", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        if raw >= 0 {
            let file = Descriptor(taking: raw)
            guard flock(file.raw, LOCK_EX | LOCK_NB) == 0 else { return }
        }
        LeftoverProcesses.end(life: name)
        try removeFolder(at: life)
    }

    /// A file of this life that no job sees.
    func write(_ bytes: [UInt8], to name: String) throws(FileProblem) -> String {
        let path = "\(life)/\(name)"
        try Descriptor(path, O_WRONLY | O_CREAT | O_EXCL).write(bytes)
        return path
    }

    /// The filter of system calls for this machine's processors, as a file; `nil` where there is none for them.
    func writeFilter(_ world: World) throws(FileProblem) -> String? {
        guard let architecture = SeccompFilter.Architecture.current else { return nil }
        return try write(SeccompFilter(for: architecture).bytes, to: "seccomp-\(Hex.encode(world.random(4)))")
    }

    /// A fresh folder for one job: `work`, the job's own, and `control`, which it may read.
    package func makeJobFolder(for user: HostUser) throws(FileProblem) -> JobFolder {
        let name = Hex.encode(world.random(8))
        let job = "\(life)/\(name)"
        try createFolder(job, mode: 0o711)
        try createFolder("\(job)/control", mode: 0o711)
        try createFolder("\(job)/work", mode: 0o700)
        if let id = user.id {
            guard chown("\(job)/work", id, id) == 0 else { throw .last("chown") }
        }
        return JobFolder(state: self, name: name, path: job, work: WorkFolder(path: "\(job)/work", user: user))
    }
}

/// The folders of one run.
package struct JobFolder: Sendable {
    /// Its end would remove this folder too.
    private let state: StateFolder
    /// Random: nobody else's.
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
    /// Where a socket may stand for `Sandbox.run`: nobody else knows the path.
    package var proxySocket: String { "\(path)/proxy" }

    /// A file that the job may read and nobody else.
    func writeControl(_ name: String, _ text: String) throws(FileProblem) {
        let file = try Descriptor("\(control)/\(name)", O_WRONLY | O_CREAT | O_EXCL, mode: 0o400)
        try file.write(Array(text.utf8))
        if let id = work.user.id {
            guard fchown(file.raw, id, id) == 0 else { throw .last("chown") }
        }
    }

    /// Only after the job has ended.
    package func remove() throws(FileProblem) {
        try removeFolder(at: path)
    }
}

/// With the folders above it. What is made gets its mode whatever the umask: jobs' users must be able to pass.
private func createFolder(_ path: String, mode: mode_t) throws(FileProblem) {
    var parent = ""
    for part in path.split(separator: "/").dropLast() where path.hasPrefix("/") {
        parent += "/\(part)"
        if mkdir(parent, 0o755) == 0 { chmod(parent, 0o755) }
    }
    if mkdir(path, mode) == 0 { chmod(path, mode) } else if errno != EEXIST { throw .last("create \(path)") }
}
