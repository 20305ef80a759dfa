internal import Bytes

/// Runs the commands that a device knows; nothing else, and nothing by a shell.
struct CommandRunner: Sendable {
    let check: HTTPCheck
    /// nil: none is allowed.
    let scripts: ScriptRunner?

    static let types = ["ping", "system_info", "http_check", "run_script"]

    /// Cancelling the task stops it.
    func run(_ command: ReceivedCommand) async -> CommandOutcome {
        switch command.type {
        case "ping": .success(command.parameters)
        case "system_info": .success(Self.systemInfo)
        case "http_check": await check.run(command.parameters)
        case "run_script": await script(command.parameters)
        default:
            .failure("this device knows no such type of command; it knows \(Self.types.joined(separator: ", "))")
        }
    }

    private func script(_ parameters: JSON) async -> CommandOutcome {
        guard let scripts else {
            return .failure("this device runs no scripts: its owner allows them with --allow-script NAME=PATH")
        }
        return await scripts.run(parameters)
    }

    private static var systemInfo: JSON {
        [
            "hostname": .string(Hardware.name), "kernel": .string(Hardware.kernel), "cores": JSON(Hardware.cores),
            "memoryBytes": JSON(Hardware.memoryBytes), "uptime": DeviceMetrics.uptime.map { JSON($0) } ?? .null,
            "version": .string(Version.text),
        ]
    }
}
