internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store
internal import Wire

/// Providers' machines (CONTRACT 5).
enum Machines {
    static let routes = [
        Route(
            .post, "/machines/register", "registerMachine", "Registers a machine. Its token is shown this once.",
            body: newMachine, .created(registered) { "/machines/\($0.machine.machine.id)" }, register),
        Route(.get, "/machines", "listMachines", "Your machines.", machines, list),
        Route(
            .get, "/machines/{machine}", "showMachine", "One of your machines, with its last metrics.",
            .ok(detail.under("machine")), show),
        Route(
            .delete, "/machines/{machine}", "deleteMachine", "Deletes a machine that has no jobs; its token ends.",
            answers: [.noContent], delete),
    ].tagged("Machines")

    private static let name = Format<String>.text(WireLimits.machineNameCharacters)

    private static let newMachine = Input {
        required("owner_id", .string, "Whom the call acts for.")
        required("name", name)
        optional("capacity", .capacity)
        optional(
            "price_usdt_per_hour", .amount(of: .usdt, minimum: 0),
            "For a job, whatever its size; null: the market's price of what the job needs.")
    }

    private typealias NewMachine = (String, String, Capacity?, Int64?)

    private static let capacity = Shape<Capacity> {
        field("cpu_cores", .nullable(.cores)) { $0.milliCores }
        field("memory_gb", .nullable(.gigabytes)) { $0.memoryMiB }
        field("gpu", .integer(0...1_024)) { $0.gpus }
        field("labels", .array(.label, WireLimits.namesInList)) { $0.labels }
        field("isolation", .nullable(.choice)) { $0.isolation }
    }

    private static let machine = Shape<MachineStatus>("Machine") {
        field("id", .id("wrk")) { $0.machine.id }
        field("owner_id", .owner) { $0.machine.owner }
        field("name", name) { $0.machine.name }
        field("created_at", .instant) { $0.machine.createdAt }
        field("capacity", .nullable(capacity)) { $0.machine.capacity }
        field("price_usdt_per_hour", .nullable(.decimal()), "A decimal; null asks the market's price.") {
            $0.machine.hourlyPrice
        }
        field("draining", .boolean) { $0.isDraining }
        field("last_heartbeat_at", .nullable(.instant)) { $0.lastHeartbeatAt }
    }

    private static let detail = Shape<MachineStatus> {
        machine
        field("metrics", .nullable(.objectText)) { $0.metrics }
    }

    private typealias Registered = (machine: MachineStatus, token: String)

    private static let registered = Shape<Registered> {
        field("machine", machine) { $0.machine }
        field("machine_token", .string(pattern: "^[0-9a-f]{48}$")) { $0.token }
    }

    private static let machines = PagedList("machines", of: machine, by: .id()) { $0.machine.id }

    private static func register(
        _ call: Call, _ member: MemberContext, _ body: NewMachine
    ) async throws -> Registered {
        let (owner, name, capacity, price) = body
        try member.require(owner)
        let token = Hex.encode(call.dependencies.world.random(24))
        let machine = try await call.database.write { tx in
            try tx.registerMachine(
                owner: member.owner, actor: member.actor, name: name, capacity: capacity, hourlyPrice: price,
                tokenHash: SHA256.hex(token))
        }
        return (MachineStatus(machine), token)
    }

    static func list(
        _ call: Call, _ member: MemberContext, _ page: Page<MachineID>
    ) async throws -> [MachineStatus] {
        try await call.database.read { try $0.machines(of: member.owner, after: page.after, limit: page.wanted) }
    }

    static func delete(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = try call.parameter("machine", as: MachineID.self)
        try await call.database.write { try $0.deleteMachine(id, owner: member.owner, actor: member.actor) }
        return .empty(.noContent)
    }

    static func show(_ call: Call, _ member: MemberContext) async throws -> MachineStatus {
        let id = try call.parameter("machine", as: MachineID.self)
        let found = try await call.database.read { try $0.machine(id, owner: member.owner) }
        guard let found else { throw Refusal.notFound("machine") }
        return found
    }
}
