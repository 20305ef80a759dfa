/// The orders of bee:hack's lists (its seed, Posts and Tasks). Each is made of groups that follow each other; inside a
/// group tasks are ordered by points or by age. So a list is read from the index of a group at a time.
package enum BountyOrder: String, Sendable, CaseIterable {
    /// `hot` of posts: by status, then points.
    case status
    /// `new`.
    case newest
    /// `hot` of tasks: active ones by priority, then the others by priority; the newest first.
    case activity
    /// `top`.
    case points
    /// `urgent`: by priority, the oldest first.
    case urgency

    /// Whether the points are compared before the age.
    package var isByPoints: Bool { self == .status || self == .points }
    package var isOldestFirst: Bool { self == .urgency }

    /// The group of tasks of a status and a priority.
    package func group(_ status: Bounty.Status, _ priority: Bounty.Priority) -> Int64 {
        switch self {
        case .status: status.rank
        case .newest, .points: 0
        case .activity: (status.isEnded ? 4 : 0) + 3 - priority.rank
        case .urgency: 3 - priority.rank
        }
    }
}

/// Where a list of tasks goes on: after this task.
package struct BountyPlace: Sendable, Hashable {
    package var group: Int64
    package var points: Int64
    package var id: Int64

    package init(group: Int64, points: Int64, id: Int64) {
        self.group = group
        self.points = points
        self.id = id
    }

    /// Before the first task of an order by status.
    package static let start = BountyPlace(group: 0, points: .max, id: .max)

    package init(_ task: Bounty, in order: BountyOrder) {
        self.init(group: order.group(task.status, task.priority), points: task.points, id: task.id)
    }
}

/// Which tasks a list shows; nil and none are all.
package struct BountyFilter: Sendable {
    package static let maxLabels = 10

    package var status: Bounty.Status?
    package var priority: Bounty.Priority?
    /// Any of them, in lower case.
    package var labels: [String] = []

    package init() {}

    var isEverything: Bool { status == nil && priority == nil }

    /// The statuses and priorities that it lets through, by the groups of an order; nil stands for all of them, where
    /// the order makes no difference.
    package func groups(in order: BountyOrder) -> [(group: Int64, parts: [Part?])] {
        if isEverything, order == .newest || order == .points { return [(0, [nil])] }
        var groups: [Int64: [Part?]] = [:]
        for status in Bounty.Status.allCases where self.status ?? status == status {
            for priority in Bounty.Priority.allCases where self.priority ?? priority == priority {
                groups[order.group(status, priority), default: []].append(Part(status: status, priority: priority))
            }
        }
        return groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    package struct Part: Sendable {
        package let status: Bounty.Status
        package let priority: Bounty.Priority
    }
}
