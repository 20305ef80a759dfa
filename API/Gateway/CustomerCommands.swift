internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// The commands that customers send to their devices (CONTRACT 6).
enum CustomerCommands {
    static let routes = [
        Route(
            .post, "/customer/devices/{device}/commands", "sendCommand",
            "Sends a command to a device. In a remediation session it waits for approval.",
            body: Input(GatewayShapes.newCommand),
            .created(GatewayShapes.oneCommand) { "/customer/devices/\($0.device.text)/commands/\($0.id.text)" }, send),
        Route(
            .get, "/customer/devices/{device}/commands", "listCommands", "A device's commands, newest first.", commands,
            list),
        Route(
            .get, "/customer/devices/{device}/commands/{command}", "showCommand", "One of a device's commands.",
            .ok(GatewayShapes.oneCommand), show),
        Route(
            .delete, "/customer/devices/{device}/commands/{command}", "cancelCommand",
            "Cancels a command that has not ended; a late result is refused.", .ok(GatewayShapes.oneCommand), cancel),
    ].tagged("Customers")

    private static let commands = PagedList("commands", of: GatewayShapes.command, by: .integer) { $0.number }

    private static func send(
        _ call: Call, _ customer: CustomerContext, _ new: NewCommand
    ) throws -> Effect<DeviceCommand> {
        var new = new
        new.device = try call.deviceID()
        return Effect(for: customer.customer.owner) { [new] tx in
            try tx.send(new, of: customer.customer, by: call.dependencies.broker)
        }
    }

    private static func list(
        _ call: Call, _ customer: CustomerContext, _ page: Page<Int64>
    ) async throws -> [DeviceCommand] {
        let id = try call.deviceID()
        return try await call.database.read { tx in
            _ = try tx.device(id, of: customer.customer)
            return try tx.deviceCommands(of: id, before: page.after, limit: page.wanted)
        }
    }

    private static func show(_ call: Call, _ customer: CustomerContext) async throws -> DeviceCommand {
        let (id, device) = (try call.parameter("command", as: JobID.self), try call.deviceID())
        return try await call.database.read { tx in
            _ = try tx.device(device, of: customer.customer)
            guard let command = try tx.deviceCommand(id), command.device == device else {
                throw Refusal.notFound("command")
            }
            return command
        }
    }

    private static func cancel(_ call: Call, _ customer: CustomerContext) async throws -> DeviceCommand {
        let (id, device) = (try call.parameter("command", as: JobID.self), try call.deviceID())
        return try await call.database.write { tx in
            try tx.cancelCommand(id, of: device, customer: customer.customer, actor: customer.customer.text)
            guard let command = try tx.deviceCommand(id) else { throw Refusal.notFound("command") }
            return command
        }
    }
}

extension Transaction {
    /// Accepts a command, and lets the process know of it when it is committed.
    func send(_ new: NewCommand, of customer: CustomerID, by broker: JobBroker) throws -> DeviceCommand {
        let (command, jobs) = try sendCommand(new, of: customer, hints: broker.classIndex.submitHints)
        afterCommit { broker.announce(jobs) }
        return command
    }
}
