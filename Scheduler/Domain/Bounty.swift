/// A post of bee:hack: a task with a bounty in points (CONTRACT 7).
package struct Bounty: Sendable, Equatable {
    /// Counted up by the database; newer is larger.
    package var id: Int64
    package var author: MemberID
    /// The handle, or the member's id when it has none.
    package var authorHandle: String
    package var title: String
    package var content: String?
    package var url: String?
    /// 1…10¹².
    package var points: Int64
    /// Milliseconds since 1970, as all instants here.
    package var deadline: Int64?
    package var acceptanceCriteria: String?
    /// The command that an audit runs.
    package var tests: String?
    package var assignment: Assignment
    package var status: Status
    package var priority: Priority
    package var labels: [String]
    package var repoURL: String?
    package var branch: String?
    package var prURL: String?
    package var estimatedEffort: String?
    /// Who works on it.
    package var assignee: MemberID?
    package var assigneeHandle: String?
    /// Whether the author gave it to the assignee, who may not have been asked.
    package var isAssigned = false
    package var claimedAt: Int64?
    package var completedAt: Int64?
    package var commentCount: Int64
    package var escrow: Escrow
    /// The job that runs its tests for the settlement.
    package var auditJob: JobID?
    package var createdAt: Int64
    package var updatedAt: Int64

    /// Who may give the task to somebody.
    package enum Assignment: String, Sendable, CaseIterable {
        case ownerAssigns = "owner_assigns"
        /// First come, first served.
        case fcfs
    }

    /// In the order of the seed's lists.
    package enum Status: String, Sendable, CaseIterable {
        case open, claimed
        case inProgress = "in_progress"
        case inReview = "in_review"
        case done, cancelled

        package var isEnded: Bool { self == .done || self == .cancelled }

        /// How it is stored: its place in the order.
        package var rank: Int64 {
            switch self {
            case .open: 0
            case .claimed: 1
            case .inProgress: 2
            case .inReview: 3
            case .done: 4
            case .cancelled: 5
            }
        }

        package init?(rank: Int64) {
            guard let match = Self.allCases.first(where: { $0.rank == rank }) else { return nil }
            self = match
        }
    }

    package enum Priority: String, Sendable, CaseIterable {
        case low, medium, high, critical

        package var rank: Int64 {
            switch self {
            case .low: 0
            case .medium: 1
            case .high: 2
            case .critical: 3
            }
        }

        package init?(rank: Int64) {
            guard let match = Self.allCases.first(where: { $0.rank == rank }) else { return nil }
            self = match
        }
    }

    /// What is set aside for it, in points; nothing when it has ended.
    package struct Escrow: Sendable, Equatable {
        package enum Status: String, Sendable, CaseIterable {
            case none
            case posterHeld = "poster_held"
            case bothHeld = "both_held"
            case settled, refunded
        }

        package var status: Status
        package var poster: Int64
        package var assignee: Int64

        package init(status: Status, poster: Int64 = 0, assignee: Int64 = 0) {
            self.status = status
            self.poster = poster
            self.assignee = assignee
        }

        /// Whether the bounty is held, so that only a settlement or a refund ends it.
        package var isHeld: Bool { status == .posterHeld || status == .bothHeld }

        /// An assignee's deposit: a tenth, rounded half up (CONTRACT 7). The statement of a claim works it out as well
        /// (`giveBounty`).
        package static func deposit(on points: Int64) -> Int64 {
            let (tenth, rest) = points.quotientAndRemainder(dividingBy: 10)
            return rest >= 5 ? tenth + 1 : tenth
        }
    }

    package init(
        id: Int64, author: MemberID, authorHandle: String, title: String, points: Int64, assignment: Assignment,
        status: Status = .open, priority: Priority = .medium, escrow: Escrow, createdAt: Int64
    ) {
        self.id = id
        self.author = author
        self.authorHandle = authorHandle
        self.title = title
        self.points = points
        self.assignment = assignment
        self.status = status
        self.priority = priority
        self.labels = []
        self.commentCount = 0
        self.escrow = escrow
        self.createdAt = createdAt
        self.updatedAt = createdAt
    }
}

extension MemberID {
    /// The owner of the jobs that audit this member's tasks: each author's wait for each other, and nobody has this
    /// owner's key (decision 17).
    package var auditOwner: OwnerID { OwnerID("audit:\(text)") }
}
