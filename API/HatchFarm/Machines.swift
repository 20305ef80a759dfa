internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Providers' machines (CONTRACT 5).
enum Machines {
    static let routes: [Route] = [
        .post(
            "/machines/register", "registerMachine", "Registers a machine. Its token is shown this once.",
            tag: "Machines",
            body: .object(
                .required("owner_id", .owner, "Whom the call acts for."), .required("name", .string(1...128)),
                .optional("capacity", .nullable(capacity)),
                .optional(
                    "price_usdt_per_hour", price,
                    "For a job, whatever its size; null: the market's price of what the job needs.")),
            answers: [
                .created(
                    .data(
                        .object(
                            .required("machine", schema),
                            .required("machine_token", .string(48...48, pattern: "^[0-9a-f]+$")))))
            ], register),
        .get(
            "/machines", "listMachines", "Your machines.", tag: "Machines", query: Route.Parameter.page,
            answers: [.ok(.list("machines", schema))], list),
        .get(
            "/machines/{machine}", "showMachine", "One of your machines, with its last metrics.", tag: "Machines",
            answers: [.ok(.data(.object(.required("machine", detail))))], show),
    ]

    private static let capacity = Schema.object(
        .optional("cpu_cores", .nullable(.number), "0–4,096"),
        .optional("memory_gb", .nullable(.number), "0–65,536"),
        .optional("gpu", .nullable(.integer(0...1_024))),
        .optional("labels", .nullable(.array(.string(1...64), 0...64))),
        .optional("isolation", .nullable(.choice(Isolation.self)), "The strongest that the machine has."))

    private static let price = Schema.nullable(
        .either([.number, .string(pattern: "^[0-9]{1,13}(\\.[0-9]{1,6})?$")]))

    private static let properties: [Schema.Property] = [
        .required("id", .identifier("wrk")), .required("owner_id", .owner), .required("name", .string(1...128)),
        .required("created_at", .instant),
        .required(
            "capacity",
            .nullable(
                .object(
                    .required("cpu_cores", .nullable(.number)), .required("memory_gb", .nullable(.number)),
                    .required("gpu", .integer(0...1_024)), .required("labels", .array(.string(1...64), 0...64)),
                    .required("isolation", .nullable(.choice(Isolation.self)))))),
        .required("price_usdt_per_hour", .nullable(.string()), "A decimal; null asks the market's price."),
        .required("draining", .boolean), .required("last_heartbeat_at", .nullable(.instant)),
    ]

    private static let schema = Schema.named("Machine", .record(properties))
    private static let detail = Schema.record(properties + [.required("metrics", .nullable(.anyObject))])

    static func register(_ call: Call, _ member: MemberContext) async throws -> Reply {
        var fields = try await call.body().fields()
        let owner = try fields.string("owner_id")
        let name = try fields.text("name", 1...128)
        let capacity = try fields.optionalObject("capacity").map { try Capacity($0) }
        let price = try hourlyPrice(&fields)
        try fields.end()
        try member.require(owner)
        let token = Hex.encode(call.dependencies.world.random(24))
        let machine = try await call.dependencies.database.write { tx in
            try tx.registerMachine(
                owner: member.owner, actor: member.actor, name: name, capacity: capacity, hourlyPrice: price,
                tokenHash: SHA256.hex(token))
        }
        return .created("/machines/\(machine.id)") { writer in
            writer.beginObject()
            writer.key("machine")
            write(MachineStatus(machine), to: &writer)
            writer.field("machine_token", token)
            writer.endObject()
        }
    }

    static func list(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let page = try call.page()
        let machines = try await call.dependencies.database.read { tx in
            try tx.machines(of: member.owner, after: page.after.map { MachineID($0) }, limit: page.limit + 1)
        }
        return .list("machines", machines, limit: page.limit, cursor: \.machine.id.text, write: { write($0, to: &$1) })
    }

    static func show(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = call.parameter("machine", as: MachineID.self)
        let found = try await call.dependencies.database.read { try $0.machine(id, owner: member.owner) }
        guard let found else { throw Refusal.notFound("machine") }
        return .data { writer in
            writer.object("machine") { write(found, withMetrics: true, to: &$0) }
        }
    }

    /// nil states none.
    private static func hourlyPrice(_ fields: inout Fields) throws(FieldError) -> Int64? {
        guard let value = fields.optionalRaw("price_usdt_per_hour"), !value.isNull else { return nil }
        let text: String? =
            switch value {
            case .number(let decimal), .string(let decimal): decimal
            default: nil
            }
        guard let price = text.flatMap({ Money.minorUnits($0) }) else {
            throw fields.error(
                "price_usdt_per_hour", .invalid("must be a decimal from 0 to 1000000 with at most 6 places"))
        }
        return price
    }

    private static func write(_ status: MachineStatus, withMetrics: Bool = false, to writer: inout JSONWriter) {
        let machine = status.machine
        writer.beginObject()
        writer.field("id", machine.id.text)
        writer.field("owner_id", machine.owner.text)
        writer.field("name", machine.name)
        writer.field("created_at", instant: machine.createdAt)
        writer.field("capacity", machine.capacity?.json ?? .null)
        writer.field("price_usdt_per_hour", machine.hourlyPrice.map { Money.decimal($0) })
        writer.field("draining", status.isDraining)
        writer.field("last_heartbeat_at", instant: status.lastHeartbeatAt)
        if withMetrics {
            writer.key("metrics")
            writer.raw(status.metrics ?? "null")
        }
        writer.endObject()
    }
}

extension Capacity {
    /// Reads `capacity` of a machine: cores, GB of 10⁹ bytes, devices, labels. What is absent is not stated.
    fileprivate init(_ fields: Fields) throws(FieldError) {
        var fields = fields
        let cores = try fields.optionalDouble("cpu_cores", in: 0...4_096)
        let memory = try fields.optionalDouble("memory_gb", in: 0...65_536)
        self.init(
            milliCores: cores.map { Int64(($0 * 1_000).rounded()) },
            memoryMiB: memory.map { Int64(($0 * 1e9 / 1_048_576).rounded()) },
            gpus: Int64(try fields.int("gpu", in: 0...1_024, default: 0)),
            labels: try fields.strings("labels", default: []))
        guard labels.count <= 64, labels.allSatisfy(Self.isLabel) else {
            throw fields.error("labels", .invalid("must be at most 64, each of 1 to 64 printable characters"))
        }
        if let word = try fields.optionalString("isolation") {
            guard let isolation = Isolation(rawValue: word) else {
                throw fields.error("isolation", .invalid("must be none, sandbox or vm"))
            }
            self.isolation = isolation
        }
        try fields.end()
    }

    private static func isLabel(_ label: String) -> Bool {
        (1...64).contains(label.unicodeScalars.count)
            && label.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && !$0.isLineBreak }
    }

    fileprivate var json: JSON {
        [
            "cpu_cores": milliCores.map { .decimal(thousandths: $0) } ?? .null,
            "memory_gb": memoryMiB.map(Self.gigabytes) ?? .null,
            "gpu": JSON(gpus),
            "labels": .array(labels.map(JSON.string)),
            "isolation": .optional(isolation?.rawValue),
        ]
    }

    /// A MiB is coarser than a thousandth of a GB: hundredths come back as they were given.
    static func gigabytes(_ memoryMiB: Int64) -> JSON {
        .number(Money.decimal(UnitPrices.centiGigabytes(memoryMiB), decimals: 2))
    }
}

extension Unicode.Scalar {
    fileprivate var isLineBreak: Bool { self == "\u{2028}" || self == "\u{2029}" }
}
