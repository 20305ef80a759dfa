import Bytes
import Glibc
@testable import Sandbox
import Support
import Testing

@Suite("What dead daemons leave", .serialized, .timeLimit(.minutes(1)))
struct OrphanTests {
    /// A life that nobody holds, with a job's folder.
    private func deadLife(in path: String) throws -> (name: String, work: String) {
        let name = Hex.encode(World.live.random(8))
        let life = "\(path)/jobs/\(name)"
        for folder in [path, "\(path)/jobs", life, "\(life)/job", "\(life)/job/work"] { mkdir(folder, 0o755) }
        return (name, "\(life)/job/work")
    }

    /// Runs a script whose children stay. Descriptors that they inherited would keep the test waiting for them.
    private func leave(_ script: String) async throws {
        let closing = "POSIX::close($_) for 3 .. 4095; exec @ARGV"
        let quiet = "exec >/dev/null 2>&1 </dev/null\n"
        try await Tool.run("/usr/bin/perl", ["-MPOSIX", "-e", closing, "sh", "-c", quiet + script])
    }

    @Test("processes that name the dead life in words, surroundings or mounts are ended, others live")
    func processesEnd() async throws {
        let path = Scratch.path("state")
        let dead = try deadLife(in: path)
        let (word, other) = ("660.\(mark)", "661.\(mark)")
        // With its output closed, so that nobody waits for it.
        let script = """
            HOME=\(dead.work) setsid sleep \(word) &
            setsid sh -c ': \(dead.work); sleep \(word); :' &
            setsid bwrap --dev-bind / / --bind \(dead.work) /mnt setsid sleep \(word) &
            setsid sleep \(other) &
            """
        try await leave(script)
        try await eventually("they run") { processes(with: word).count >= 5 }
        // Until it is `sleep` it has the words of the whole script, the dead life's among them.
        try await eventually("the other one runs") {
            let living = processes(with: other)
            return living.count == 1 && !processes(with: word).contains(living[0])
        }
        let state = try StateFolder(at: path)
        #expect(processes(with: word).isEmpty)
        #expect(access(dead.work, F_OK) != 0)
        let living = processes(with: other)
        #expect(living.count == 1)
        for process in living { if let number = pid_t(process.dropFirst(6)) { kill(number, SIGKILL) } }
        withExtendedLifetime(state) {}
    }

    @Test("control groups of the dead life are emptied and removed")
    func groupsEnd() async throws {
        guard let tree = ControlGroupTree.find() else { return }
        let path = Scratch.path("state")
        let dead = try deadLife(in: path)
        let life = ControlGroup(tree: tree, name: "\(ControlGroupTree.prefix)\(dead.name)-1")
        let job = ControlGroup(tree: tree, name: "\(life.name)/job")
        try life.make()
        try job.make()
        let join = job.processFiles.map { "echo 0 > \($0)" }.joined(separator: " && ")
        let script = "(\(join) && exec setsid sleep 662.\(mark)) &"
        try await leave(script)
        try await eventually("it is inside") { !job.processes.isEmpty }
        let state = try StateFolder(at: path)
        #expect(processes(with: "662.\(mark)").isEmpty)
        #expect(ControlGroups.leftovers(of: dead.name, in: tree).isEmpty)
        withExtendedLifetime(state) {}
    }

    @Test("a folder that isn't named as a life kills nobody, whoever bears its name")
    func commonWords() async throws {
        let path = Scratch.path("state")
        for folder in [path, "\(path)/jobs", "\(path)/jobs/sleep"] { mkdir(folder, 0o755) }
        let script = "setsid sh -c ': /jobs/sleep/; sleep 663.\(mark); :' &"
        try await leave(script)
        try await eventually("it runs") { processes(with: "663.\(mark)").count == 2 }
        let state = try StateFolder(at: path)
        let living = processes(with: "663.\(mark)")
        #expect(living.count == 2)
        for process in living { if let number = pid_t(process.dropFirst(6)) { kill(number, SIGKILL) } }
        withExtendedLifetime(state) {}
    }
}
