package import Bytes
package import Domain

/// `POST machines/register` (CONTRACT 5).
package struct RegisterRequest: Sendable, Equatable {
    package var ownerID: OwnerID
    package var name: String
    package var capacity: Capacity?
    /// Minor units of USDT; `nil`: the market price.
    package var hourlyPrice: Int64?

    package init(ownerID: OwnerID, name: String, capacity: Capacity? = nil, hourlyPrice: Int64? = nil) {
        self.ownerID = ownerID
        self.name = name
        self.capacity = capacity
        self.hourlyPrice = hourlyPrice
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.ownerID = OwnerID(try fields.string("owner_id"))
        self.name = try fields.text("name", characters: WireLimits.machineNameCharacters)
        if let capacity = try fields.optionalObject("capacity") { self.capacity = try Capacity(capacity) }
        self.hourlyPrice = try Self.price(&fields)
        try fields.end()
    }

    /// A decimal, as a string or as a number.
    private static func price(_ fields: inout Fields) throws(FieldError) -> Int64? {
        let key = "price_usdt_per_hour"
        guard let value = fields.optionalRaw(key), !value.isNull else { return nil }
        let text: String? =
            switch value {
            case .number(let decimal), .string(let decimal): decimal
            default: nil
            }
        guard let price = text.flatMap({ Money.minorUnits($0) }) else {
            throw fields.error(key, .invalid("must be a decimal from 0 to 1000000 with at most 6 places"))
        }
        return price
    }

    package var json: JSON {
        object([
            ("owner_id", .string(ownerID.text)), ("name", .string(name)), ("capacity", capacity?.json),
            ("price_usdt_per_hour", hourlyPrice.map { .string(Money.decimal($0)) }),
        ])
    }
}

package struct RegisterReply: Sendable, Equatable {
    package var id: MachineID
    package var ownerID: OwnerID
    package var name: String
    /// Milliseconds since 1970.
    package var createdAt: Int64
    /// Secret; the server shows it in this reply only.
    package var machineToken: String

    package init(id: MachineID, ownerID: OwnerID, name: String, createdAt: Int64, machineToken: String) {
        self.id = id
        self.ownerID = ownerID
        self.name = name
        self.createdAt = createdAt
        self.machineToken = machineToken
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        var machine = try fields.object("machine")
        self.id = try machine.identifier("id")
        self.ownerID = try machine.identifier("owner_id")
        self.name = try machine.string("name")
        self.createdAt = try machine.instant("created_at")
        self.machineToken = try fields.string("machine_token")
    }

    package var json: JSON {
        [
            "machine": [
                "id": .string(id.text), "owner_id": .string(ownerID.text), "name": .string(name),
                "created_at": .string(RFC3339.format(createdAt)),
            ],
            "machine_token": .string(machineToken),
        ]
    }
}
