/// Whether a device is vouched for: by other verified ones, or by the operator (CONTRACT 8).
package struct Baptism: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable { case none, pending, baptized }

    /// How many endorsements of each level it has, the level 1 first.
    package var levels: [Int64]
    /// By the operator: nothing takes that away.
    package var isBlessed: Bool
    package var isVerified: Bool
    /// Whether it asked to be baptized.
    package var isRequested: Bool

    package init(
        levels: [Int64] = Array(repeating: 0, count: Baptism.topLevel), isBlessed: Bool = false,
        isVerified: Bool = false, isRequested: Bool = false
    ) {
        self.levels = levels
        self.isBlessed = isBlessed
        self.isVerified = isVerified
        self.isRequested = isRequested
    }

    /// The highest level of an endorser.
    package static let topLevel = 5
    package static let needed: Int64 = 2
    package static let threshold = 3.0
    /// How many endorsements a device may have.
    package static let limit: Int64 = 1_000

    package var endorsements: Int64 { levels.reduce(0, +) }

    /// What its endorsement of another counts: 1–5, one more for every second one that it has itself.
    package var level: Int { Int(min(Int64(Self.topLevel), 1 + endorsements / 2)) }

    /// Σ level / (1 + 0.3 i), the highest level first, i from 0.
    package var score: Double {
        var sum = 0.0
        var index = 0.0
        for (place, count) in levels.enumerated().reversed() {
            for _ in 0..<max(0, min(count, Self.limit)) {
                sum += Double(place + 1) / (1 + 0.3 * index)
                index += 1
            }
        }
        return sum
    }

    /// Whether others have vouched for it enough.
    package var isVouchedFor: Bool { endorsements >= Self.needed && score >= Self.threshold }

    package var status: Status { isVerified ? .baptized : isRequested ? .pending : .none }

    /// With one more endorsement, or one less, of a level; what doesn't belong to a level changes nothing.
    package func adding(_ count: Int64, ofLevel level: Int) -> Baptism {
        guard (1...Self.topLevel).contains(level) else { return self }
        var copy = self
        copy.levels[level - 1] += count
        copy.isVerified = copy.isBlessed || copy.isVouchedFor
        return copy
    }
}

/// What one device says of another.
package struct Endorsement: Sendable {
    /// UUIDv7 text.
    package let id: String
    package let endorser: InklingKey
    package let endorserName: String
    package let level: Int64
    package let message: String?
    package let createdAt: Int64

    package init(
        id: String, endorser: InklingKey, endorserName: String, level: Int64, message: String?, createdAt: Int64
    ) {
        self.id = id
        self.endorser = endorser
        self.endorserName = endorserName
        self.level = level
        self.message = message
        self.createdAt = createdAt
    }
}

/// A device that asks to be baptized.
package struct BaptismRequest: Sendable {
    /// UUIDv7 text.
    package let id: String
    package let key: InklingKey
    package let name: String
    package let message: String?
    package let baptism: Baptism
    package let requestedAt: Int64

    package init(
        id: String, key: InklingKey, name: String, message: String?, baptism: Baptism, requestedAt: Int64
    ) {
        self.id = id
        self.key = key
        self.name = name
        self.message = message
        self.baptism = baptism
        self.requestedAt = requestedAt
    }
}
