/// A customer's device (CONTRACT 6).
package struct Device: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// Its customer has a code for it, with which it can register.
        case provisioned
        case active
        case suspended
    }

    package var id: DeviceID
    package var customer: CustomerID
    package var name: String
    package var location: String?
    package var model: String?
    /// What its customer configures: a JSON object; nil when nothing is.
    package var config: String?
    package var state: State
    package var registeredAt: Int64?
    package var createdAt: Int64
    package var presence: Presence

    /// What a device last said of itself.
    package struct Presence: Sendable, Equatable {
        package enum Health: String, Sendable, CaseIterable { case online, busy, error }

        package var health: Health?
        /// nil until it was first heard of.
        package var lastSeen: Int64?
        package var isOnline: Bool
        /// JSON, as the device sent it.
        package var metrics: String?
        package var diagnostics: String?

        /// After this silence a device is offline, in milliseconds.
        package static let lasts: Int64 = 90_000

        package init(
            health: Health? = nil, lastSeen: Int64? = nil, isOnline: Bool = false, metrics: String? = nil,
            diagnostics: String? = nil
        ) {
            self.health = health
            self.lastSeen = lastSeen
            self.isOnline = isOnline
            self.metrics = metrics
            self.diagnostics = diagnostics
        }
    }

    package init(
        id: DeviceID, customer: CustomerID, name: String, location: String?, model: String?, config: String?,
        state: State, registeredAt: Int64?, createdAt: Int64, presence: Presence
    ) {
        self.id = id
        self.customer = customer
        self.name = name
        self.location = location
        self.model = model
        self.config = config
        self.state = state
        self.registeredAt = registeredAt
        self.createdAt = createdAt
        self.presence = presence
    }

    /// The word for how it is, as customers see it.
    package var status: String {
        guard state == .active else { return state.rawValue }
        return presence.isOnline ? (presence.health ?? .online).rawValue : "offline"
    }

    /// How many one customer may have.
    package static let limit: Int64 = 100_000
    /// How long an activation code is good for, in milliseconds.
    package static let activationLasts: Int64 = 86_400_000
    /// A device that was never heard of is deleted so long after its code ran out, in milliseconds.
    package static let unregisteredLasts: Int64 = 604_800_000
    /// How long the id of a deleted device is kept from others, in milliseconds: longer than any process takes a
    /// token's word for it, or waits for a command.
    package static let deletedLasts: Int64 = 600_000
    /// How long one process erases a device before another may try, in milliseconds.
    package static let erasureTakes: Int64 = 10_000
    /// How many session tokens one device has at the most; older ones end.
    package static let maxTokens = 5
    /// How long a session token is good for after its last use, in milliseconds.
    package static let tokenLasts: Int64 = 604_800_000
}

extension DeviceID {
    /// As the holder of leases: no worker is called so.
    package var machine: MachineID { MachineID("device:\(text)") }

    /// Whether `text` may name a device: 1–128 of `[A-Za-z0-9_.:-]`, and not what a path has in its place.
    package static func isValid(_ text: String) -> Bool {
        OwnerID.isValid(text) && !text.utf8.contains(0x40) && !["provision", ".", ".."].contains(text)
    }
}

extension CustomerID {
    /// Whom a device belongs to while it is being deleted: no customer is called so.
    package static let nobody = CustomerID("")

    /// As the owner of jobs: no member is called so.
    package var owner: OwnerID { OwnerID("customer:\(text)") }
}

/// A device's sign of life.
package struct DeviceBeat: Sendable {
    package var device: DeviceID
    package var health: Device.Presence.Health
    /// JSON; nil keeps what is known.
    package var metrics: String?
    package var diagnostics: String?

    package init(device: DeviceID, health: Device.Presence.Health, metrics: String?, diagnostics: String?) {
        self.device = device
        self.health = health
        self.metrics = metrics
        self.diagnostics = diagnostics
    }
}

/// A customer's work on one device, during which its commands are kept together (CONTRACT 6).
package struct DeviceSession: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case diagnostic
        /// Its commands wait for the customer's approval.
        case remediation
    }

    package enum Status: String, Sendable, CaseIterable { case active, expired, ended }

    package var id: SessionID
    package var device: DeviceID
    package var customer: CustomerID
    package var kind: Kind
    package var description: String?
    package var createdAt: Int64
    package var expiresAt: Int64
    /// nil while nobody has ended it.
    package var endedAt: Int64?

    package init(
        id: SessionID, device: DeviceID, customer: CustomerID, kind: Kind, description: String?, createdAt: Int64,
        expiresAt: Int64, endedAt: Int64?
    ) {
        self.id = id
        self.device = device
        self.customer = customer
        self.kind = kind
        self.description = description
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.endedAt = endedAt
    }

    /// How long one lives, in milliseconds.
    package static let lasts: Int64 = 3_600_000

    package func isActive(at now: Int64) -> Bool { status(at: now) == .active }
    package func status(at now: Int64) -> Status { endedAt != nil ? .ended : now < expiresAt ? .active : .expired }
}
