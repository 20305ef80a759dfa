import Bytes
import Foundation
import Support
import Testing

/// A customer of the device gateway at a shell, beside a server that knows its tokens.
struct FleetHome {
    /// What the server needs.
    static let environment = ["SUPABASE_JWT_SECRET": "the-secret-of-the-customers-of-the-tests"]

    let home: FarmHome
    let token: String

    init(_ farm: Farm, customer: String = "acme") async throws {
        home = try FarmHome.beside(farm.server)
        let made = try await home.run(["admin", "customer", "token", "--customer", customer], Self.environment)
        try #require(made.code == 0, "\(made.errors)")
        token = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    var client: FarmClient { FarmClient(home.url, [("Authorization", "Bearer \(token)")]) }

    func fleet(_ words: String...) async throws -> FarmHome.Result { try await fleet(words) }

    func fleet(_ words: [String]) async throws -> FarmHome.Result {
        try await home.run(["fleet"] + words, ["HATCHFARM_CUSTOMER_TOKEN": token])
    }

    /// Starts `hatchfarm fleet …` and returns at once.
    func start(_ words: String...) async throws -> ChildProcess {
        try await ChildProcess(
            FarmServer.program, ["fleet"] + words,
            environment: home.environment.merging(["HATCHFARM_CUSTOMER_TOKEN": token]) { $1 })
    }

    /// The code for a new device.
    func provisioned(_ id: String) async throws -> String {
        let reply = try await fleet("provision", id, "--json")
        try #require(reply.code == 0, "\(reply)")
        let json = try JSON(parsing: Array(reply.output.utf8))
        return try #require(json["device"]?["activationCode"]?.string)
    }

    /// Provisions and registers a device; returns its state folder.
    func registered(_ id: String) async throws -> String {
        let state = Scratch.path("device")
        let code = try await provisioned(id)
        let made = try await home.run("device", "register", "--id", id, "--code", code, "--state", state)
        try #require(made.code == 0, "\(made)")
        return state
    }

    /// Starts the device of a state folder, and returns when it has said this.
    func device(
        _ state: String, _ more: [String] = [], says word: String = "connected to"
    ) async throws -> ChildProcess {
        let child = try await ChildProcess(
            FarmServer.program, ["device", "run", "--state", state] + more, environment: home.environment)
        try await eventually("the device says \(word)", within: .seconds(60)) {
            if let ending = child.ending { throw ToolFailure("\(ending): \(child.output)\(child.errors)") }
            return child.output.contains(word)
        }
        return child
    }

    /// Sends a command, and returns its id.
    func sent(_ device: String, _ type: String, _ more: String...) async throws -> String {
        let reply = try await fleet(["send", device, type, "--json"] + more)
        try #require(reply.code == 0, "\(reply)")
        let json = try JSON(parsing: Array(reply.output.utf8))
        return try #require((json["command"] ?? json)["id"]?.string)
    }

    func command(_ device: String, _ id: String) async throws -> JSON {
        let json = try await client.get("/api/v1/customer/devices/\(device)/commands/\(id)").expecting(200).json
        return json["command"] ?? json
    }

    /// Waits until a command has this status.
    func awaited(_ device: String, _ id: String, _ status: String) async throws -> JSON {
        var command = JSON.null
        try await eventually("command \(id) is \(status)", within: .seconds(45)) {
            command = try await self.command(device, id)
            return command["status"]?.string == status
        }
        return command
    }

    /// How often the customer was told that a command ended.
    func endings(_ device: String, _ id: String) async throws -> Int {
        let watching = try await start("watch", device, "--since", "0")
        func lines() -> Int {
            watching.output.split(separator: "\n").count { line in
                line.contains(id) && [" completed", " failed"].contains { line.contains($0) }
            }
        }
        try await eventually("the customer is told", within: .seconds(20)) { lines() > 0 }
        // A second one would have come with the first.
        try await World.live.sleep(.milliseconds(500))
        try await watching.kill()
        return lines()
    }
}
