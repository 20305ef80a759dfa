import Bytes
import Domain
import Support
@testable import Store

/// What no caller of the tour asks for: the engine's rounds, the operator's commands, and what has to end badly.
struct StatementRounds {
    private let lab: Lab

    init(_ lab: Lab) { self.lab = lab }

    func run() async throws {
        try await rounds()
        try await letters()
        try await lookUps()
        try await unborn()
        try await dependents()
        try await feed()
        try await retention()
    }

    /// What is kept for a time, all of whose time is over.
    private func retention() async throws {
        let content = Blob(hash: String(repeating: "a", count: 64), size: 1, chunks: [[1]])
        while try await lab.seal() > 0 {}
        let first = try await lab.submit()
        let lease = try await lab.claim(by: "w")
        try await lab.progress(lease, log: "x")
        try await call { try $0.storeArtifact(lease.key, path: "a", blob: content) }
        try await lab.finish(lease)
        var given = Lab.job { $0.maxAttempts = 1 }
        given.sources.uploads = [content.hash]
        given.sources.jobs = [first.text]
        let next = given
        try await call { tx in
            for _ in 0..<2 { try tx.storeUpload(content, owner: Lab.alice) }
            try tx.execute(
                """
                INSERT INTO api_keys (hash, id, member_id, prefix, created_at, revoked_at)
                VALUES ('r', 'key_r', 'm', 'p', 0, 0)
                """)
        }
        let second = try await lab.submit([next])
        for job in second { try await lab.cancel(job) }
        try await call { try $0.deleteUpload(content.hash, owner: Lab.alice) }
        while try await lab.seal() > 0 {}
        lab.clock.advance(by: .seconds(60))
        try await call { tx in
            _ = try tx.sources(
                of: [.upload(hash: content.hash), .output(job: first, path: "a")], owner: Lab.alice)
            for job in second { try tx.deleteJob(job, owner: Lab.alice, actor: "alice") }
            try tx.insertDependencies([(job: JobID("x"), on: first)])
            for _ in 0..<2 {
                _ = try tx.pruneDeletedJobs(limit: 10)
                try tx.execute("UPDATE prunings SET place = '', number = 0, next_at = 0")
                _ = try tx.pruneJobs(limit: 1_000, endedBefore: tx.now)
                _ = try tx.pruneEvents(limit: 1_000, recordedBefore: tx.now)
                _ = try tx.pruneKeysAndUploads(limit: 10, olderThan: tx.now)
                _ = try tx.collectBlobs(limit: 10, releasedBefore: tx.now)
            }
            try tx.putOffUploads([("x", "y")])
            try tx.sumUpStored(try tx.storedChanges(limit: 1_000))
            try tx.addToStored([Lab.alice: 1])
            _ = try tx.storedBytes(of: Lab.alice)
            _ = try tx.keepJobs(["x"], of: Lab.alice)
        }
    }

    /// Runs an operation. What it refuses, it has looked for.
    private func call(_ body: @escaping @Sendable (Transaction) throws -> Void) async throws {
        do { try await lab.database.write { try body($0) } } catch is Refusal {}
    }

    private func rounds() async throws {
        try await call { tx in _ = try tx.sweep(from: .min, Picking(10)) }
        lab.clock.advance(by: .seconds(2))
        let device = DeviceID("d")
        try await call { tx in
            _ = try tx.prune(limit: 10, keysOlderThan: tx.now)
            _ = try tx.pruneInklings(limit: 10)
            _ = try tx.pruneDeletedBounties(limit: 10)
            _ = try tx.pruneUploads(limit: 10, olderThan: tx.now)
            let staged = Blob.Staged(id: "staged")
            try tx.stage([[1]], of: staged)
            _ = try tx.touchStaged(staged.id)
            try tx.insertBlob(Blob(hash: "whole", size: 1, chunks: [], staged: staged))
            _ = try tx.blobChunk("whole", number: 0)
            try tx.stage([[1]], of: Blob.Staged(id: "old"))
            _ = try tx.pruneStaged(limit: 10, olderThan: tx.now)
            _ = try tx.specs(of: [JobID("j")])
            _ = try tx.isJob(JobID("j"), ofAny: [Lab.alice])
            _ = try tx.liveJobs(among: [JobID("j")], owner: Lab.alice)
            _ = try tx.sweep(from: .min, Picking(10))
            _ = try tx.promote(limit: 10) { _, _, _ in 0 }
            _ = try tx.expireBounties(Picking(10))
            _ = try tx.settleDueAudits(Picking(10))
            _ = try tx.endStaleReviews(Picking(10))
            _ = try tx.endPresence(Picking(10))
            _ = try tx.closeSessions(Picking(10), commands: 10)
            _ = try tx.unregisteredDevices(Picking(10))
            _ = try tx.takeDevicesToErase(limit: 10)
            try tx.eraseDevice(device, limit: 10)
            _ = try tx.expireHolds(Picking(10))
            try tx.noteKeyUses(["x"])
            _ = try tx.bookFindings(full: true)
            _ = try tx.bookFindings(full: false)
            _ = try tx.assetTotals()
            _ = try tx.countJobs(after: nil, atMost: 10)
            _ = try tx.classes(usedSince: 0)
            _ = try tx.classes([ClassID(1)])
            _ = try tx.pendingJobs(atMost: 10)
            _ = try tx.members(after: nil, limit: 10)
            _ = try tx.members(after: MemberID("x"), limit: 10)
        }
    }

    /// What is pruned one by one has to be there.
    private func letters() async throws {
        let key = InklingKey(String(repeating: "0", count: 64))
        try await call { tx in
            try tx.execute("INSERT INTO dreams (id, author_key, content, created_at) VALUES ('a', 'k', 'x', 0)")
            try tx.execute(
                """
                INSERT INTO telegrams (to_key, position, id, from_key, content, content_nonce, created_at)
                VALUES ('k', 1, 'a', 'f', 'x', 'n', 0)
                """)
            try tx.execute(
                """
                INSERT INTO postcards (id, to_key, position, from_key, image_data, width, height, created_at)
                VALUES ('a', 'k', 1, 'f', 'x', 1, 1, 0)
                """)
            _ = try tx.deleteDreams(olderThan: 1, limit: 10)
            _ = try tx.deleteTelegrams(olderThan: 1, limit: 10)
            _ = try tx.deletePostcards(olderThan: 1, limit: 10)
            try tx.trimMailbox(of: key, last: .max)
            try tx.insertCancelNotices([(worker: MachineID("m"), job: JobID("j"))], expiresAt: 0)
            _ = try tx.deleteExpiredCancelNotices(limit: 10)
            try tx.markExpired(["x"])
            try tx.execute(
                "INSERT INTO device_tokens (token_hash, device_id, created_at, expires_at) VALUES ('h', 'd', 0, 0)")
            _ = try tx.deleteExpiredDeviceTokens(limit: 10)
            _ = try tx.setRole(of: MemberID("x"), to: .admin)
        }
    }

    private func lookUps() async throws {
        let (member, key) = (MemberID("x"), KeyID("x"))
        var filter = BountyFilter()
        filter.labels = ["a", "b"]
        let labels = filter
        try await call { tx in
            _ = try tx.heads(of: [ClassHead(id: ClassID(1), fromTag: .min)])
            _ = try tx.isSpent("n", scope: "s")
            _ = try tx.keyMember(key)
            _ = try tx.key(hash: "x")
            _ = try tx.configuredKeys(of: member)
            _ = try tx.unsealed(from: 0, limit: 1)
            try tx.lockDevices([DeviceID("d")])
            _ = try tx.roomForWithdrawal(of: 1, by: Lab.alice, .usdt)
            for order in BountyOrder.allCases { _ = try tx.bounties(order, labels, after: nil, limit: 10) }
            _ = try tx.followed(by: member, among: [member])
            _ = try tx.dailyCount(DailyQuota(name: "x", limit: 1), "x", day: 1)
        }
    }

    /// A job that depends on one that has failed.
    private func unborn() async throws {
        try await lab.enroll("w")
        let first = try await lab.submit { $0.maxAttempts = 1 }
        try await lab.finish(try await lab.claim(by: "w"), .failure)
        try await lab.submit { $0.dependsOn = [first] }
        // A log from before its sums were kept.
        let id = try await lab.submit()
        let lease = try await lab.claim(by: "w")
        try await call { tx in
            try tx.appendLog("x", offset: 0, job: id, fence: lease.fence)
            try tx.execute("UPDATE job_logs SET total = NULL WHERE job_id = \(id.text)")
            try tx.appendLog("y", offset: 1, job: id, fence: lease.fence)
            _ = try tx.jobs(JobPage(owners: [Lab.alice], status: .running, limit: 10, before: nil))
            _ = try tx.removeUnusedClasses(after: nil, limit: 10)
            let need = Lab.job { $0.queue = "nobody's" }
            try tx.insertClasses([(need.classID, need.requirement, createdBy: Lab.alice)])
            try tx.execute("UPDATE job_classes SET unused_since = 1 WHERE id = \(need.classID.number)")
            _ = try tx.pruneClasses(limit: 10, unusedSince: 2)
            _ = try tx.standing([Extension(key: lease.key, milliseconds: 1)])
            _ = try tx.liveMachines()
            try tx.deleteMachine(MachineID("none"), of: Lab.alice)
            _ = try tx.marketVotes()
            try tx.noteEarners([Lab.alice])
        }
    }

    /// Of those that are too many for the commit of the end, some move on and some are cancelled.
    private func dependents() async throws {
        for state in [JobState.completed, .cancelled] {
            let first = try await lab.submit()
            try await lab.submit((0..<3).map { _ in Lab.job { $0.dependsOn = [first] } })
            try await call { tx in
                guard let job = try tx.deleteOwned(first, owner: Lab.alice) else { return }
                var left: Int64 = 0
                _ = try tx.takeAlong([Ended(job: job, state: state, reason: nil, outcome: nil)], &left)
                _ = try tx.cascade(limit: 1)
                _ = try tx.putOffCascade(until: tx.now)
                _ = try tx.cascade()
            }
        }
        try await revivals()
        try await call { tx in
            try tx.sumUpLive(try tx.liveChanges(from: .min, limit: 1_000))
            _ = try tx.ownersWithLive(atLeast: 1, limit: 10)
        }
    }

    /// A failed job is tried again with those that were cancelled with it.
    private func revivals() async throws {
        let first = try await lab.submit { $0.maxAttempts = 1 }
        let jobs = try await lab.submit((0..<3).map { _ in Lab.job { $0.dependsOn = [first] } })
        try await lab.submit { $0.dependsOn = jobs }
        try await call { tx in
            guard let job = try tx.deleteOwned(first, owner: Lab.alice) else { return }
            try tx.end([Ended(job: job, state: .failed, reason: "failure", outcome: nil)])
            _ = try tx.retry(first, owner: Lab.alice, actor: "alice", withDependents: true)
            _ = try tx.putOffRevival(until: tx.now)
            _ = try tx.revive(limit: 1)
            _ = try tx.revive()
            try tx.explainCancelled(jobs, "x")
        }
    }

    /// Tasks enough that a feed asks those whom one follows.
    private func feed() async throws {
        var forum = ForumSize(posts: 600, comments: 1)
        (forum.readers, forum.followed, forum.members) = (1, 20, 50)
        let size = forum
        try await call { tx in
            try tx.fillMembers(1...size.members, keyHashes: [])
            try tx.fillReaders(of: size, moves: 1)
            try tx.fillPosts(1...size.posts, of: size)
            _ = try tx.followedBounties(of: ForumSize.memberID(1), after: nil, limit: 500)
            guard let task = try tx.bounty(1) else { return }
            try tx.writeLabels(of: task, before: ["gone"])
        }
    }
}
