import Bytes
import Foundation
import Glibc
import Support
import Testing

@testable import hatchfarm

/// What can't be written is an error, and what was there before stays.
@Suite("Output that can't be written", .timeLimit(.minutes(5)))
struct WriteErrorTests {
    private let full = #"exec "$0" "$@" > /dev/full"#
    private let fullLine = "hatchfarm: cannot write to standard output: No space left on device\n"

    /// A job of alice's with one file, `out/data.bin`.
    private func job(_ farm: Farm, bytes: [UInt8]) async throws -> String {
        let machine = try await farm.owner.machine()
        let job = try await farm.owner.submitted("makes a file", [.init("outputs", ["out/data.bin"])])
        let grant = try await machine.take()
        _ = try await machine.keep("out/data.bin", of: grant, bytes).expecting(200, 201)
        _ = try await machine.finish(grant).expecting(200)
        return job
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode : 0
    }

    @Test("every command's help on a full device ends with an error, in one line")
    func help() async throws {
        let commands = try ManualPage.all().map { $0.name.split(separator: "-").dropFirst().map(String.init) }
        #expect(commands.count > 60)
        for words in commands {
            let child = try await ChildProcess("/bin/sh", ["-c", full, FarmServer.program] + words + ["--help"])
            #expect(try await child.end() == .exited(74), "\(words)")
            #expect(child.errors == fullLine, "\(words)")
        }
        for words in [["--version"], ["completions", "bash"], ["man", "job"], ["environment"], ["help", "serve"]] {
            let child = try await ChildProcess("/bin/sh", ["-c", full, FarmServer.program] + words)
            #expect(try await child.end() == .exited(74) && child.errors == fullLine, "\(words)")
        }
    }

    @Test("so do commands that have asked a server, and a server that can't say where it listens")
    func commands() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server, as: "alice")
            let job = try await job(farm, bytes: Array("data".utf8))
            let commands = [
                ["job", "submit", "--title", "t", "--", "true"], ["job", "list"], ["job", "list", "--json"],
                ["job", "show", job], ["job", "watch", job], ["job", "artifacts", job],
                ["job", "fetch", job, "out/data.bin", "--to", "-"], ["job", "fetch", job, "out/data.bin"],
                ["wallet", "balance"], ["wallet", "transactions"], ["resources", "list"], ["resources", "prices"],
                ["bounty", "list"], ["agent", "register", "--name", "Bee"],
            ]
            for words in commands {
                let result = try await home.run(in: full, words)
                #expect(result.code == 74 && result.errors == fullLine, "\(words): \(result)")
            }
            // A closed one is no other file's or socket's.
            let closed = try await home.run(in: #"exec "$0" "$@" >&-"#, ["job", "list"])
            #expect(closed.code == 74)
            #expect(closed.errors == "hatchfarm: cannot write to standard output: Bad file descriptor\n")
            let server = try await home.run(in: full, ["serve"], ["PORT": "0", "DATABASE_URL": "sqlite::memory:"])
            #expect(server.code == 74 && server.errors.contains(fullLine), "\(server)")
            // Who has read enough is no error of ours.
            let head = try await home.run(in: #""$0" "$@" | head -n 1"#, ["job", "list"])
            #expect(head.code == 0 && head.errors == "", "\(head)")
        }
    }

    @Test("a file that can't be written to its end leaves the one before, and nothing else")
    func fullDisk() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server, as: "alice")
            let bytes = [UInt8](repeating: 7, count: 200_000)
            let job = try await job(farm, bytes: bytes)
            try home.write("data.bin", "as before")
            // Files may have 8 KiB, as on a disk with so much left.
            let small = #"trap "" XFSZ; ulimit -f 16; exec "$0" "$@""#
            let result = try await home.run(in: small, ["job", "fetch", job, "out/data.bin"])
            #expect(result.code == 74, "\(result)")
            #expect(result.errors == "hatchfarm: cannot write data.bin: File too large\n")
            #expect(home.read("data.bin") == "as before")
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: home.folder).contains { $0.hasSuffix(".new") }
                    == false)

            #expect(try await home.run("job", "fetch", job, "out/data.bin").code == 0)
            #expect(FileManager.default.contents(atPath: "\(home.folder)/data.bin") == Data(bytes))
        }
    }

    @Test("a file keeps the permissions of the one it replaces; devices, pipes and links are left alone unless told")
    func targets() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server, as: "alice")
            let job = try await job(farm, bytes: Array("data".utf8))
            let fetch = ["job", "fetch", job, "out/data.bin", "--to"]
            let path = { (name: String) in "\(home.folder)/\(name)" }

            try home.write("kept", "before")
            chmod(path("kept"), 0o640)
            #expect(try await home.run(fetch + ["kept"]).code == 0)
            #expect(home.read("kept") == "data" && mode(path("kept")) & 0o777 == 0o640)
            #expect(try await home.run(in: #"umask 027; exec "$0" "$@""#, fetch + ["new"]).code == 0)
            #expect(home.read("new") == "data" && mode(path("new")) & 0o777 == 0o640)
            mkdir(path("folder"), 0o755)
            #expect(try await home.run(fetch + ["folder"]).code == 0 && home.read("folder/data.bin") == "data")

            try home.write("target", "before")
            symlink("target", path("link"))
            let link = try await home.run(fetch + ["link"])
            #expect(link.code == 64 && link.errors.contains("link is a link; --force"), "\(link)")
            #expect(home.read("target") == "before")
            #expect(try await home.run(fetch + ["link", "--force"]).code == 0)
            #expect(home.read("target") == "data" && mode(path("link")) & S_IFMT == S_IFLNK)

            symlink("/dev/full", path("full"))
            #expect(try await home.run(fetch + ["full"]).code == 64)
            let device = try await home.run(fetch + ["full", "--force"])
            #expect(device.code == 74 && device.errors.hasSuffix("No space left on device\n"), "\(device)")
            #expect(mode("/dev/full") & S_IFMT == S_IFCHR)

            mkfifo(path("pipe"), 0o644)
            let pipe = try await home.run(fetch + ["pipe"])
            #expect(pipe.code == 64 && pipe.errors.contains("is a pipe"), "\(pipe)")
            let reader = #"cat pipe > read & "$0" "$@" && wait"#
            #expect(try await home.run(in: reader, fetch + ["pipe", "--force"]).code == 0)
            #expect(home.read("read") == "data" && mode(path("pipe")) & S_IFMT == S_IFIFO)

            // All of a job's files, over the same links.
            mkdir(path("all"), 0o755)
            mkdir(path("all/out"), 0o755)
            symlink("../../target", path("all/out/data.bin"))
            try home.write("target", "before")
            let all = ["job", "fetch", job, "--all", "--to", "all"]
            #expect(try await home.run(all).code == 64 && home.read("target") == "before")
            #expect(try await home.run(all + ["--force"]).code == 0 && home.read("target") == "data")

            let nowhere = try await home.run(fetch + ["none/file"])
            #expect(nowhere.code == 74 && nowhere.errors.contains("cannot write none/file"), "\(nowhere)")
        }
    }

    @Test("an input that can't be read to its end is not taken for shorter")
    func input() async throws {
        let child = try await ChildProcess(
            FarmServer.program,
            ["job", "submit", "--title", "t", "--api-key", "hf_any", "--input", "/proc/self/mem:x", "--", "true"])
        #expect(try await child.end() == .exited(64))
        #expect(child.errors == "hatchfarm: cannot read /proc/self/mem: Input/output error\n")
    }
}
