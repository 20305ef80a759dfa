/// A command for one device, which is a job (CONTRACT 6).
package struct DeviceCommand: Sendable {
    package enum Status: String, Sendable, CaseIterable {
        case pendingApproval = "pending_approval"
        case pending, claimed, completed, failed, rejected, cancelled

        /// - Parameter reason: why the job ended.
        package init(_ state: JobState, reason: String?) {
            switch state {
            case .blocked: self = .pendingApproval
            case .scheduled, .pending: self = .pending
            case .running: self = .claimed
            case .completed: self = .completed
            case .failed: self = .failed
            case .cancelled: self = reason == Self.rejection ? .rejected : .cancelled
            }
        }

        /// The reason of a job whose approval was refused.
        package static let rejection = "rejected"
        /// The reason of a job whose session ended before it was approved.
        package static let unapproved = "unapproved"
    }

    package var id: JobID
    package var device: DeviceID
    /// Counted up by device.
    package var number: Int64
    package var session: SessionID?
    package var type: String
    /// JSON.
    package var parameters: String
    /// 0…1,000, lower first.
    package var priority: Int64
    package var status: Status
    package var createdAt: Int64
    package var ending: Job.Ending?
    /// How the device says that it went.
    package var outcome: String?

    package init(
        id: JobID, device: DeviceID, number: Int64, session: SessionID?, type: String, parameters: String,
        priority: Int64, status: Status, createdAt: Int64
    ) {
        self.id = id
        self.device = device
        self.number = number
        self.session = session
        self.type = type
        self.parameters = parameters
        self.priority = priority
        self.status = status
        self.createdAt = createdAt
    }

    package static let priorities: ClosedRange<Int64> = 0...1_000
    /// How many commands of one device may be open.
    package static let limit: Int64 = 10_000
    /// How many a connected device has in its hands.
    package static let maxHeld = 10
    /// How long what happened to commands and devices can be read again, in milliseconds.
    package static let updatesLast: Int64 = 86_400_000
}

/// The place of a job among those of its device.
package struct DevicePlace: Sendable, Equatable {
    package let device: DeviceID
    /// Orders by priority, then by number.
    package let tag: Int64
    /// Whether it waits until the customer approves it.
    package var needsApproval: Bool

    /// - Parameters:
    ///   - priority: 0…1,000.
    ///   - number: of the device's commands, from 1.
    package init(device: DeviceID, priority: Int64, number: Int64, needsApproval: Bool) {
        self.device = device
        tag = (priority << 48) | number
        self.needsApproval = needsApproval
    }

    /// What `tag` was made of.
    package static func priority(ofTag tag: Int64) -> Int64 { tag >> 48 }
}

extension Requirement {
    /// What all commands need. Which device may have one stands in the job's row: a class each would make every claim
    /// and every poll grow with the devices.
    package static let deviceCommand: Requirement = {
        var need = Requirement(kind: .device, queue: "devices")
        need.isolation = .none
        return need
    }()
}
