import Foundation
import Glibc
import Support
import Testing

/// A folder of its own for somebody who uses a farm, and the commands that are run there.
struct FarmHome {
    struct Result {
        let code: Int32
        let output: String
        let errors: String
    }

    let folder: String
    let environment: [String: String]
    let url: String

    var port: Substring { url.split(separator: ":").last ?? "" }

    func run(_ arguments: String...) async throws -> Result { try await run(arguments) }

    func run(_ arguments: [String], _ more: [String: String] = [:]) async throws -> Result {
        let child = try await ChildProcess(
            FarmServer.program, arguments, environment: environment.merging(more) { $1 }, folder: folder)
        guard case .exited(let code) = try await child.end(within: .seconds(60)) else {
            throw ToolFailure("\(arguments) was killed: \(child.errors)")
        }
        return Result(code: code, output: child.output, errors: child.errors)
    }

    /// The program, started by this line of a shell with its path and these arguments as `"$0" "$@"`.
    func run(
        in shell: String, _ arguments: [String], _ more: [String: String] = [:]
    ) async throws -> Result {
        let child = try await ChildProcess(
            "/bin/sh", ["-c", shell, FarmServer.program] + arguments, environment: environment.merging(more) { $1 },
            folder: folder)
        guard case .exited(let code) = try await child.end(within: .seconds(60)) else {
            throw ToolFailure("\(arguments) was killed: \(child.errors)")
        }
        return Result(code: code, output: child.output, errors: child.errors)
    }

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    func read(_ name: String) -> String? {
        FileManager.default.contents(atPath: "\(folder)/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }

    /// Beside a server that somebody else has started. `owner`: whom the operator's token acts for.
    static func beside(_ server: FarmServer, as owner: String? = nil) throws -> FarmHome {
        let folder = try makeFolder()
        var variables = environment(folder).merging(["HATCHFARM_SERVER": server.url]) { $1 }
        if let owner {
            variables["HATCHFARM_API_TOKEN"] = FarmServer.operatorToken
            variables["HATCHFARM_OWNER"] = owner
        }
        return FarmHome(folder: folder, environment: variables, url: server.url)
    }

    private static func makeFolder() throws -> String {
        let folder = Scratch.path("home")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    private static func environment(_ folder: String) -> [String: String] {
        ["HOME": folder, "XDG_CONFIG_HOME": "\(folder)/.config"]
    }

    /// Runs `hatchfarm up` with these options while `body` does; then it drains.
    static func up(_ options: String..., body: (FarmHome) async throws -> Void) async throws {
        let folder = try makeFolder()
        let environment = environment(folder).merging(["PORT": "0"]) { $1 }
        let farm = try await ChildProcess(
            FarmServer.program, ["up"] + options, environment: environment, folder: folder)
        try await eventually("the farm is up", within: .seconds(60)) {
            if let ending = farm.ending { throw ToolFailure("\(ending): \(farm.output)\(farm.errors)") }
            return farm.output.contains("Ctrl-C drains and stops")
        }
        let url = try #require(farm.output.firstMatch(of: #/API +(http://\S+)/api/v1/#)).output.1
        do {
            try await body(FarmHome(folder: folder, environment: environment, url: String(url)))
        } catch {
            try await farm.kill()
            throw FarmFailure(error: error, log: farm.output + farm.errors)
        }
        farm.signal(SIGTERM)
        #expect(try await farm.end(within: .seconds(15)) == .exited(0), "\(farm.errors)")
    }
}
