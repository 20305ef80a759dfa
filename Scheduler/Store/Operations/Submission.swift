package import Domain

/// Jobs that are asked for together: all or nothing.
package struct Submission: Sendable {
    package var jobs: [NewJob]
    /// Files that came with the jobs, of their owner: stored when they are accepted.
    package var contents: [Blob] = []
    package var idempotency: IdempotencyKey?
    /// Turns the accepted jobs into the answer that a repeated call will be given.
    package var answer: @Sendable ([AcceptedJob], _ now: Int64) -> StoredAnswer

    package init(
        jobs: [NewJob], idempotency: IdempotencyKey?,
        answer: @escaping @Sendable ([AcceptedJob], Int64) -> StoredAnswer
    ) {
        self.jobs = jobs
        self.idempotency = idempotency
        self.answer = answer
    }

    /// How much of a round it fills: a job is one, and so are four KiB of content.
    package var weight: Int {
        jobs.count + contents.reduce(0) { $0 + $1.weight } / 4_096
    }

    package enum Reply: Sendable {
        case accepted([AcceptedJob], StoredAnswer)
        case replayed(StoredAnswer)
    }
}

/// What submitting needs to know from the process: which classes are recorded, the fair-queueing tags, and who has as
/// many live jobs as one may.
package struct SubmitHints: Sendable {
    /// Whether a class is recorded for certain at this time of the database's clock, and stays so until a commit.
    package var isKnown: @Sendable (ClassID, _ now: Int64) -> Bool
    package var tag: @Sendable (ClassID, OwnerID, _ cost: Int64) -> Int64
    package var isFull: @Sendable (OwnerID) -> Bool = { _ in false }
    /// The most live jobs of one owner.
    package var mostLive: Int64 = .max

    package init(
        isKnown: @escaping @Sendable (ClassID, Int64) -> Bool,
        tag: @escaping @Sendable (ClassID, OwnerID, Int64) -> Int64
    ) {
        self.isKnown = isKnown
        self.tag = tag
    }
}
