import Bytes
import Foundation
import Glibc
import Support
import Testing

/// Real daemons and servers on one folder.
@Suite("One folder has one daemon, one SQLite file one server", .timeLimit(.minutes(3)))
struct OneDaemonTests {
    /// Starts one that must not start, and returns what it says.
    private func refused(_ arguments: [String], _ environment: [String: String] = [:]) async throws -> String {
        let child = try await ChildProcess(
            FarmServer.program, arguments,
            environment: ["HOME": Scratch.path("home"), "PORT": "0"].merging(environment) { $1 })
        #expect(try await child.end() == .exited(78), "\(child.output)\(child.errors)")
        return child.errors
    }

    @Test("a second daemon is refused by the first one's number, which works on; a killed one keeps nobody out")
    func secondWorker() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let first = try await FarmDaemon("first", for: farm.owner, ["--jobs", "1"])
            let link = Scratch.path("link")
            #expect(symlink(first.state, link) == 0)
            let server = ["worker", "--server", farm.server.url]
            for folder in [first.state, link, "\(first.state)/../\(first.state.split(separator: "/").last ?? "")"] {
                let words = try await refused(server + ["--state", folder])
                #expect(words.contains("process \(first.pid) works with the folder"), "\(words)")
            }
            // The same machine by a copy of its credentials is found by nobody; by the file itself it is.
            let credentials = Scratch.path("machine.json")
            #expect(rename("\(first.state)/worker.json", credentials) == 0)
            let job = try await farm.owner.submitted("for the first")
            try await eventually("the first one works on", within: .seconds(30)) {
                try await farm.owner.status(of: job) == "completed"
            }
            first.signal(SIGKILL)
            #expect(try await first.end() == .killed(by: SIGKILL))
            let second = try await ChildProcess(
                FarmServer.program,
                server + ["--state", first.state, "--credentials", credentials], environment: ["HOME": "/nowhere"])
            try await eventually("the next one works", within: .seconds(60)) { second.output.contains("ready") }
            let words = try await refused(server + ["--state", Scratch.path("other"), "--credentials", credentials])
            #expect(words.contains("process \(second.pid) works with \(credentials)"), "\(words)")
            second.signal(SIGTERM)
            #expect(try await second.end() == .exited(0))
        }
    }

    @Test("one that drains lets the next begin, and both do their work")
    func draining() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let old = try await FarmDaemon("old", for: farm.owner, ["--jobs", "1"])
            let long = try await farm.owner.submitted("long", [.init("command", ["sleep", "15"])])
            try await eventually("it runs", within: .seconds(60)) {
                try await farm.owner.status(of: long) == "running"
            }
            old.signal(SIGTERM)
            try await eventually("it drains") { old.said.contains("draining, 1 running") }
            var begun: FarmDaemon?
            // Until the server has been told that the old one claims no more.
            try await eventually("the next one may begin", within: .seconds(60)) {
                begun = try? await FarmDaemon("new", for: farm.owner, ["--jobs", "1"], state: old.state)
                return begun != nil
            }
            let new = try #require(begun)
            #expect(new.id == old.id && !old.said.contains("success"))
            let next = try await farm.owner.submitted("next")
            try await eventually("the new one works", within: .seconds(60)) {
                try await farm.owner.status(of: next) == "completed"
            }
            #expect(try await old.end(within: .seconds(45)) == .exited(0), "\(old.said)")
            #expect(try await farm.owner.status(of: long) == "completed")
            new.signal(SIGTERM)
            #expect(try await new.end() == .exited(0), "\(new.said)")
        }
    }

    @Test("a second server on a SQLite file is refused by the first one's number, by whatever name it has the file")
    func secondServer() async throws {
        let folder = Scratch.path("database")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try await Farm.run(at: "sqlite:\(folder)/farm.db") { farm in
            let link = "\(folder)/link.db"
            #expect(symlink("farm.db", link) == 0)
            for path in ["\(folder)/farm.db", link, "\(folder)/./farm.db"] {
                let words = try await refused(["serve"], ["DATABASE_URL": "sqlite:\(path)"])
                #expect(words.contains("another server, process \(farm.server.pid ?? 0)"), "\(words)")
            }
        }
    }

    @Test("a second up on a data folder is refused, and so is a worker with its machine")
    func secondUp() async throws {
        try await FarmHome.up { home in
            let data = "\(home.folder)/hatchfarm-data"
            let words = try await refused(["up", "--data", data])
            #expect(words.contains("in use by another server, process "), "\(words)")
            try await eventually("its worker works", within: .seconds(60)) {
                FileManager.default.fileExists(atPath: "\(data)/worker/daemon.lock")
            }
            let worker = try await refused(["worker", "--state", "\(data)/worker", "--server", home.url])
            #expect(worker.contains("works with the folder"), "\(worker)")
        }
    }
}
