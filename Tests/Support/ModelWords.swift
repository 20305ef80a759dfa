package import Domain

/// A claim token in somebody's hands: by whom it is shown counts too.
package struct ModelToken: Hashable, Sendable {
    package var job: Int
    package var fence: Int64
    package var worker: Int

    package init(job: Int, fence: Int64, worker: Int) {
        self.job = job
        self.fence = fence
        self.worker = worker
    }
}

package struct ModelKey: Hashable, Sendable {
    package var owner: Int
    package var number: Int
}

package struct ModelSubmission: Sendable {
    package struct Job: Sendable {
        package var classNumber: Int
        package var maxAttempts: Int64
        package var runAt: Int64?
        package var dependsOn: [Int]
    }

    package var owner: Int
    package var jobs: [Job]
    package var key: Int?
    package var body: Int
}

package struct ModelClaim: Sendable {
    package var worker: Int
    package var limit: Int
    package var timeout: Int64
    package var request: Int?
}

package struct ModelExtension: Sendable {
    package var token: ModelToken
    package var milliseconds: Int64
}

package struct ModelReport: Sendable {
    package var token: ModelToken
    package var status: Outcome.Status
}

package enum ModelOperation: Sendable {
    case submit(ModelSubmission)
    case claim(ModelClaim)
    case extend([ModelExtension])
    case progress(ModelToken, percent: Int64)
    case release(ModelToken)
    case finish([ModelReport])
    case cancel(job: Int, owner: Int)
    case retry(job: Int, owner: Int)
    case sweep
    case promote
    /// Time passes, with a scheduler that is up or without one.
    case pass(Int64, isAttended: Bool)
    case revoke(worker: Int)
    case consent(worker: Int)
    case drain(worker: Int, Bool)
}

package struct ModelGrant: Hashable, Sendable {
    package var job: Int
    package var worker: Int
    package var fence: Int64
    package var attempt: Int64
    package var until: Int64
    package var ends: Int64

    package init(job: Int, worker: Int, fence: Int64, attempt: Int64, until: Int64, ends: Int64) {
        self.job = job
        self.worker = worker
        self.fence = fence
        self.attempt = attempt
        self.until = until
        self.ends = ends
    }
}

/// What an accepted report is answered.
package struct ModelResult: Hashable, Sendable {
    package var state: JobState
    package var attempt: Int64
    package var fence: Int64

    package init(state: JobState, attempt: Int64, fence: Int64) {
        self.state = state
        self.attempt = attempt
        self.fence = fence
    }
}

package enum ModelExtended: Hashable, Sendable {
    case until(Int64), lost, cancelled
}

package enum ModelRefusal: Error, Hashable, Sendable {
    case leaseLost(Int)
    case jobEnded(Int, JobState)
    case notFound, wrongState, keyReused
    case invalid(String)
}

package enum ModelAnswer: Equatable, Sendable {
    case jobs([Int], isReplay: Bool)
    /// In the order of the jobs' numbers.
    case grants([ModelGrant])
    case extended([ModelExtended])
    case finished([Result<ModelResult, ModelRefusal>])
    case swept([Int])
    case promoted(Int)
    case done
    case refused(ModelRefusal)
}

/// What is seen of a job after an operation.
package struct ModelSight: Hashable, Sendable {
    package var job: Int
    package var state: JobState
    package var attempt: Int64
    package var fence: Int64
    package var losses: Int64
    package var percent: Int64?
    package var reason: String?
    package var worker: Int?
    package var until: Int64?

    package init(
        job: Int, state: JobState, attempt: Int64, fence: Int64, losses: Int64, percent: Int64? = nil,
        reason: String? = nil, worker: Int? = nil, until: Int64? = nil
    ) {
        self.job = job
        self.state = state
        self.attempt = attempt
        self.fence = fence
        self.losses = losses
        self.percent = percent
        self.reason = reason
        self.worker = worker
        self.until = until
    }
}

/// Chance that repeats (SplitMix64).
package struct ModelChance: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// One in so many.
    package mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

    package mutating func pick<T>(_ items: [T]) -> T? { items.randomElement(using: &self) }

    package mutating func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &self) }
}
