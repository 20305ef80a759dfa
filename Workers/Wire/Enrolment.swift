package import Bytes

/// `POST machines/register` (CONTRACT 5).
package struct RegisterRequest: Sendable, Equatable {
    package var ownerID: String
    package var name: String
    package var capacity: Capacity?
    /// A decimal, as a string or a number's token.
    package var priceUSDTPerHour: String?

    package init(ownerID: String, name: String, capacity: Capacity? = nil, priceUSDTPerHour: String? = nil) {
        self.ownerID = ownerID
        self.name = name
        self.capacity = capacity
        self.priceUSDTPerHour = priceUSDTPerHour
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.ownerID = try fields.text("owner_id", bytes: WireLimits.identifierBytes)
        self.name = try fields.text("name", bytes: 1...255)
        if let capacity = try fields.optionalObject("capacity") { self.capacity = try Capacity(capacity) }
        switch fields.optionalRaw("price_usdt_per_hour") {
        case nil, .null: self.priceUSDTPerHour = nil
        case .number(let decimal), .string(let decimal): self.priceUSDTPerHour = decimal
        default: throw fields.error("price_usdt_per_hour", .wrongType(expected: "a decimal number or string"))
        }
        try fields.end()
    }

    package var json: JSON {
        object([
            ("owner_id", .string(ownerID)), ("name", .string(name)), ("capacity", capacity?.json),
            ("price_usdt_per_hour", priceUSDTPerHour.map(JSON.string)),
        ])
    }
}

package struct RegisterReply: Sendable, Equatable {
    package var id: String
    package var ownerID: String
    package var name: String
    /// Milliseconds since 1970.
    package var createdAt: Int64
    /// Shown this once.
    package var machineToken: String

    package init(id: String, ownerID: String, name: String, createdAt: Int64, machineToken: String) {
        self.id = id
        self.ownerID = ownerID
        self.name = name
        self.createdAt = createdAt
        self.machineToken = machineToken
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        var machine = try fields.object("machine")
        self.id = try machine.string("id")
        self.ownerID = try machine.string("owner_id")
        self.name = try machine.string("name")
        self.createdAt = try machine.instant("created_at")
        self.machineToken = try fields.string("machine_token")
    }

    package var json: JSON {
        [
            "machine": [
                "id": .string(id), "owner_id": .string(ownerID), "name": .string(name),
                "created_at": .string(RFC3339.format(createdAt)),
            ],
            "machine_token": .string(machineToken),
        ]
    }
}

/// What an owner signs with the bearer credential of the request, standard base64 of HMAC-SHA256 (CONTRACT 5).
package enum OwnerSignature {
    /// `rules` are the bytes as they stand in the request.
    package static func policy(ownerID: String, rules: [UInt8], credential: String) -> String {
        Base64.encode(HMACSHA256.sign(key: Array(credential.utf8), message: Array("\(ownerID)|".utf8) + rules))
    }

    package static func consent(ownerID: String, workerID: String, policyID: String, credential: String) -> String {
        Base64.encode(HMACSHA256.sign(key: credential, message: "\(ownerID)|\(workerID)|\(policyID)"))
    }
}
