import Bytes
import Foundation
import Support
import Testing

@testable import hatchfarm

/// `hatchfarm login` and `profiles`: the keys that are kept.
@Suite("Saved keys", .timeLimit(.minutes(3)))
struct ProfileTests {
    private static let file = ".config/hatchfarm/client.json"

    /// Somebody without an environment but a home.
    private func somebody(_ server: FarmServer) throws -> FarmHome {
        let home = try FarmHome.beside(server)
        return FarmHome(
            folder: home.folder, environment: home.environment.filter { $0.key != "HATCHFARM_SERVER" }, url: home.url)
    }

    private func register(_ name: String, _ home: FarmHome, at server: FarmServer) async throws -> String {
        let made = try await home.run("agent", "register", "--name", name, "--key-only", "--server", server.url)
        return made.output.trimmingCharacters(in: .newlines)
    }

    @Test("a key is tried and kept by server and member, and none takes another's place")
    func login() async throws {
        try await Farm.run(on: .sqlite) { first in
            try await Farm.run(on: .sqlite) { second in
                let home = try somebody(first.server)
                let ann = try await register("Ann", home, at: first.server)
                let bob = try await register("Bob", home, at: second.server)
                let eve = try await register("Eve", home, at: second.server)
                for (key, server, name) in [(ann, first, "ann"), (bob, second, "bob"), (eve, second, "eve")] {
                    try home.write("key", "\(key)\n")
                    let words = ["login", "--server", "\(server.server.url)/api/v1/", "--name", name]
                    let result = try await home.run(in: #"exec "$0" "$@" < key"#, words)
                    #expect(result.code == 0 && result.output.contains(server.server.url), "\(result)")
                }
                let list = try await home.run("profiles")
                #expect(list.code == 0 && list.output.contains("*  eve") && list.output.contains("   ann"), "\(list)")
                for key in [ann, bob, eve] {
                    #expect(home.read(Self.file)?.contains(key) == true && !list.output.contains(key))
                }
                #expect(try await home.run("agent", "show").output.contains("name: Eve"))
                // A server that is named has its own.
                let there = try await home.run("agent", "show", "--server", first.server.url)
                #expect(there.output.contains("name: Ann"), "\(there)")
                #expect(try await home.run("profiles", "use", "bob").code == 0)
                #expect(try await home.run("agent", "show").output.contains("name: Bob"))
                #expect(try await home.run("profiles", "remove", "bob").code == 0)
                #expect(try await home.run("agent", "show").output.contains("name: Eve"))
                #expect(try await home.run("profiles", "use", "bob").code == 5)

                try home.write("key", "hf_wrong")
                let before = home.read(Self.file)
                let wrong = try await home.run(in: #"exec "$0" "$@" < key"#, ["login", "--server", first.server.url])
                #expect(wrong.code == 4 && home.read(Self.file) == before, "\(wrong)")
                try home.write("key", ann)
                let taken = try await home.run(
                    in: #"exec "$0" "$@" < key"#, ["login", "--server", first.server.url, "--name", "eve"])
                #expect(taken.code == 64 && taken.errors.contains("eve is taken"), "\(taken)")
                #expect(home.read(Self.file) == before)
            }
        }
    }

    @Test("`up` leaves other farms' keys, and one of its own farm that somebody chose")
    func up() async throws {
        try await Farm.run(on: .sqlite) { other in
            let home = try somebody(other.server)
            let key = try await register("Ann", home, at: other.server)
            let login = ["login", "--server", other.server.url, "--api-key", key, "--name", "work"]
            #expect(try await home.run(login).code == 0)

            let port = try Tool.freePort()
            func up(_ body: () async throws -> Void) async throws -> String {
                let farm = try await ChildProcess(
                    FarmServer.program, ["up"], environment: home.environment.merging(["PORT": "\(port)"]) { $1 },
                    folder: home.folder)
                try await eventually("the farm is up", within: .seconds(60)) {
                    if let ending = farm.ending { throw ToolFailure("\(ending): \(farm.output)\(farm.errors)") }
                    return farm.output.contains("Ctrl-C drains and stops")
                }
                try await body()
                farm.signal(SIGTERM)
                #expect(try await farm.end(within: .seconds(20)) == .exited(0))
                return farm.errors
            }
            let first = try await up { () async throws in
                #expect(home.read(Self.file)?.contains(key) == true)
                #expect(try await home.run("job", "list").code == 0)
                let shown = try await home.run("agent", "show")
                #expect(shown.output.contains("owner of "), "\(shown)")
                // Another member of the same farm.
                #expect(try await home.run("agent", "register", "--name", "Bee", "--save").code == 0)
            }
            #expect(first.contains("`hatchfarm profiles use work` goes back"), "\(first)")
            let second = try await up { () async throws in
                #expect(try await home.run("agent", "show").output.contains("name: Bee"))
                #expect(try await home.run("profiles", "use", "work").code == 0)
                #expect(try await home.run("agent", "show").output.contains("name: Ann"))
            }
            #expect(second.contains("go on with the saved key"), "\(second)")
        }
    }

    @Test("a file of one key as it was before is read; one that isn't understood is not written over")
    func files() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try somebody(farm.server)
            let key = try await register("Ann", home, at: farm.server)
            let folder = "\(home.folder)/.config/hatchfarm"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try home.write(Self.file, #"{"api_key":"\#(key)","server":"\#(farm.server.url)"}"#)
            #expect(try await home.run("agent", "show").output.contains("name: Ann"))
            #expect(try await home.run("agent", "register", "--name", "Bob", "--save").code == 0)
            #expect(home.read(Self.file)?.contains(key) == true)

            try home.write(Self.file, "{\"api_key\":\"hf_")
            for words in [["agent", "show"], ["agent", "register", "--name", "Eve", "--save"], ["profiles"]] {
                let result = try await home.run(words)
                #expect(result.code == 78 && result.errors.contains("correct it, or move it away"), "\(result)")
            }
            #expect(home.read(Self.file) == "{\"api_key\":\"hf_")
        }
    }

    @Test("many who save at once lose none")
    func atOnce() async throws {
        let path = Scratch.path("client.json")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    try Profiles.change(path) { (profiles) throws(Failure) in
                        _ = try profiles.save(Credentials(server: "https://\(number)", key: "k", owner: "o"))
                    }
                }
            }
            try await group.waitForAll()
        }
        let saved = try Profiles.read(path)
        #expect(Set(saved.list.map(\.server)).count == 40)
    }

    @Test("a server's URL is taken as people write it")
    func urls() throws {
        for text in [
            "https://farm.example", "HTTPS://farm.example/", "https://farm.example/api/v1",
            "https://farm.example/api/v1//",
        ] {
            let url = try ServerURL.normalized(text)
            #expect(url == "https://farm.example", "\(text)")
        }
        let below = try ServerURL.normalized("http://[::1]:8080/farm/api/v1/")
        #expect(below == "http://[::1]:8080/farm")
        for text in ["farm.example", "ftp://farm.example", "https://", "https://a?b", "https://a b", "http:///api/v1"] {
            #expect(throws: (any Error).self, "\(text)") { _ = try ServerURL.normalized(text) }
        }
    }
}
