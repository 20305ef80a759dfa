/// A small companion device, known by the key that it signs with (CONTRACT 8).
package struct Inkling: Sendable, Equatable {
    package var key: InklingKey
    /// UUIDv7 text.
    package var id: String
    package var name: String
    /// SHA-256 hex of its hardware hash in lower case; nil until it is known.
    package var hardwareHash: String?
    package var isBanned: Bool
    /// Who made its birth certificate.
    package var parent: InklingKey?
    /// One more than its parent's; 0 without one.
    package var generation: Int64
    /// A JSON object of numbers; nil when none were inherited.
    package var traits: String?
    /// How many children it has.
    package var children: Int64
    package var createdAt: Int64

    package init(
        key: InklingKey, id: String, name: String, hardwareHash: String?, isBanned: Bool, parent: InklingKey?,
        generation: Int64, traits: String?, children: Int64, createdAt: Int64
    ) {
        self.key = key
        self.id = id
        self.name = name
        self.hardwareHash = hardwareHash
        self.isBanned = isBanned
        self.parent = parent
        self.generation = generation
        self.traits = traits
        self.children = children
        self.createdAt = createdAt
    }

    /// What a device is called until a birth certificate says otherwise.
    package static let firstName = "Inkling"
    /// How far a message's timestamp may be from our clock, in milliseconds.
    package static let window: Int64 = 300_000
    /// How long a message is remembered after its window, in milliseconds, so that a clock set back by ten minutes
    /// makes none good again.
    package static let memory: Int64 = 900_000
    /// How long a nonce that was given out is good for, in milliseconds.
    package static let nonceLasts: Int64 = 300_000
    /// How long dreams, telegrams and postcards are kept, in milliseconds: 90 days.
    package static let kept: Int64 = 7_776_000_000
    /// How many telegrams and postcards are kept for one device: its newest.
    package static let mailboxLimit: Int64 = 10_000
    /// How many children a device may have.
    package static let childLimit: Int64 = 1_000
}

extension InklingKey {
    /// As the owner of events: no member is called so.
    package var owner: OwnerID { OwnerID("inkling:\(text)") }
}

/// A signed call, of which all is known that can be without the database.
package struct SignedCall: Sendable {
    package let key: InklingKey
    /// SHA-256 hex.
    package let hardwareHash: String
    /// In milliseconds since 1970.
    package let signedAt: Int64
    /// SHA-256 hex of the key and the message: the same for every way to write the same call.
    package let digest: String
    /// Lower case; nil when it came without one.
    package let nonce: String?
    /// Whose registrations are counted together.
    package let address: String

    package init(
        key: InklingKey, hardwareHash: String, signedAt: Int64, digest: String, nonce: String?, address: String
    ) {
        self.key = key
        self.hardwareHash = hardwareHash
        self.signedAt = signedAt
        self.digest = digest
        self.nonce = nonce
        self.address = address
    }
}

/// What a call that was let in made of its device.
package enum InklingEntry: Sendable {
    /// Nothing: it was known, with its hardware hash.
    case known
    /// It was known without its hardware hash, which is kept now.
    case bound
    /// It was unknown.
    case registered
}

/// What a device may do so often in a day of UTC. Every signed call that is accepted counts against one of these.
package enum InklingQuota: String, CaseIterable, Sendable {
    case dreams = "inkling_dreams"
    case fish = "inkling_fish"
    case telegrams = "inkling_telegrams"
    case inbox = "inkling_inbox"
    case postcards = "inkling_postcards"
    case baptism = "inkling_baptism"
    case lineage = "inkling_lineage"
    case oracle = "inkling_oracle"
    case tokens = "inkling_tokens"
    case hellos = "inkling_hellos"

    package var daily: DailyQuota {
        let limit: Int64 =
            switch self {
            case .dreams, .lineage: 20
            case .telegrams: 50
            case .postcards: 10
            case .oracle, .baptism: 100
            case .fish, .inbox, .hellos: 1_000
            case .tokens: 10_000
            }
        return DailyQuota(name: rawValue, limit: limit)
    }
}

/// What a parent states of its child.
package struct BirthCertificate: Sendable {
    package let child: InklingKey
    package let name: String
    package let hardwareHash: String
    package let traits: String?

    package init(child: InklingKey, name: String, hardwareHash: String, traits: String?) {
        self.child = child
        self.name = name
        self.hardwareHash = hardwareHash
        self.traits = traits
    }
}

/// What a call to the oracle is charged for before it is made, and what is given back if it comes to nothing.
package struct OracleReservation: Sendable {
    package static let calls = InklingQuota.oracle.daily
    package static let tokens = InklingQuota.tokens.daily
    /// After this time, in milliseconds, the server that made it has died: all of it is given back.
    package static let lasts: Int64 = 900_000

    /// UUIDv7 text.
    package let id: String
    package let call: SignedCall
    /// What the call made of its device.
    package let entry: InklingEntry
    /// The UTC day that pays.
    package let day: Int64
    package let reserved: Int64
    /// Of the day's calls.
    package let standing: QuotaStanding

    package init(
        id: String, call: SignedCall, entry: InklingEntry, day: Int64, reserved: Int64, standing: QuotaStanding
    ) {
        self.id = id
        self.call = call
        self.entry = entry
        self.day = day
        self.reserved = reserved
        self.standing = standing
    }

    /// What a prompt of so many bytes may cost with its answer: four bytes to a token.
    package static func estimate(promptBytes: Int, maxTokens: Int64) -> Int64 { Int64(promptBytes / 4) + 1 + maxTokens }
}
