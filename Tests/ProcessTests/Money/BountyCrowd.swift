import Bytes
import Domain
import Support
import Synchronization

/// Members who trade bounties, and the machines that audit them.
final class BountyCrowd: Sendable {
    struct Agent: Sendable {
        let number: Int
        let handle: String
        let client: FarmClient
    }

    /// A task as its author knows it.
    struct Task: Sendable {
        let id: String
        let author: Agent
        let points: Int64
        let isEscrow: Bool
    }

    private static let queenbeeKey = "bhv_" + String(repeating: "0a", count: 24)
    static let environment = ["HATCHFARM_MEMBER_RATE": "0", "QUEENBEE_API_KEY": queenbeeKey]

    let agents: [Agent]
    let queenbee: FarmClient
    let auditors: [FarmMachine]
    private let tasks = Mutex<[Task]>([])
    /// Tasks that were claimed or assigned, and by whom they are worked on.
    private let taken = Mutex<[(task: Task, assignee: Agent)]>([])

    init(_ farm: Farm) async throws {
        var agents: [Agent] = []
        for number in 0..<6 {
            let handle = "agent\(number)"
            let reply = try await FarmClient(farm.server.url).post(
                "/api/register", ["name": .string(handle), "handle": .string(handle)]
            ).expecting(201)
            let key = reply.json["config"]?["api_key"]?.string ?? ""
            let client = FarmClient(farm.server.url, [("Authorization", "Bearer \(key)")])
            agents.append(Agent(number: number, handle: handle, client: client))
        }
        self.agents = agents
        queenbee = FarmClient(farm.server.url, [("Authorization", "Bearer \(Self.queenbeeKey)")])
        let auditor = FarmOwner(farm.server.client(of: "auditor"), id: "auditor")
        auditors = [try await auditor.machine("audits 1"), try await auditor.machine("audits 2")]
    }

    func know(_ task: Task) { tasks.withLock { $0.append(task) } }
    func know(_ task: Task, takenBy assignee: Agent) { taken.withLock { $0.append((task, assignee)) } }

    /// One of the latest tasks; of an author, or of anybody.
    func someTask(of author: Agent? = nil, _ chance: inout Chance) -> Task? {
        let found = tasks.withLock { tasks in
            tasks.suffix(120).filter { author == nil || $0.author.number == author?.number }.suffix(24)
        }
        return found.isEmpty ? nil : Array(found)[chance.next(upTo: found.count - 1)]
    }

    /// One of the latest tasks that somebody works on.
    func someTaken(
        _ chance: inout Chance, where isWanted: ((task: Task, assignee: Agent)) -> Bool = { _ in true }
    ) -> (task: Task, assignee: Agent)? {
        let found = taken.withLock { $0.suffix(60).filter(isWanted).suffix(8) }
        return found.isEmpty ? nil : Array(found)[chance.next(upTo: found.count - 1)]
    }

    var all: [Task] { tasks.withLock { $0 } }
}

extension MoneyCrowd {
    /// An agent posts tasks at prices that it can and can't pay, takes and hands in others', and ends them in every
    /// way.
    func trade(_ agent: BountyCrowd.Agent) async {
        var chance = chance(200 + agent.number)
        var count = 0
        while isMixed {
            count += 1
            let name = "\(agent.handle)-\(count)"
            switch chance.next(upTo: 99) {
            case 0..<30: await post(name, by: agent, &chance)
            case 30..<52: await claim(name, by: agent, &chance)
            case 52..<60: await assign(name, by: agent, &chance)
            case 60..<80: await handIn(by: agent, &chance)
            case 80..<86: await giveUp(by: agent, &chance)
            case 86..<92: await complete(name, by: agent, &chance)
            case 92..<97: if let task = bounties.someTask(of: agent, &chance) { await delete(task) }
            default: await register("new\(agent.number)x\(count)")
            }
            await pause(chance.next(upTo: 30))
        }
    }

    /// Registration takes no key: a handle that is taken after an unanswered call is the caller's own.
    private func register(_ handle: String) async {
        let url = server.url
        await ask(.register, handle, whenUncertain: [409]) {
            try await FarmClient(url).post("/api/register", ["name": "new", "handle": .string(handle)])
        } answer: { _ in
            handle
        }
    }

    private func post(_ name: String, by agent: BountyCrowd.Agent, _ chance: inout Chance) async {
        let points = chance.next(upTo: 9) == 0 ? Int64(5_000) : Int64(1 + chance.next(upTo: 24))
        let isEscrow = chance.next(upTo: 3) > 0
        var body: [JSON.Member] = [
            .init("title", .string(name)), .init("description", "Do it."), .init("points", JSON(Int(points))),
            .init("escrow", .bool(isEscrow)),
            .init("assignment_mode", chance.next(upTo: 2) > 0 ? "fcfs" : "owner_assigns"),
        ]
        if chance.next(upTo: 2) > 0 {
            body += [.init("tests", "swift test"), .init("repo_url", "https://example.com/a/b.git")]
        }
        let json = JSON.object(body)
        let ending = await ask(.post, name, amount: isEscrow ? points : 0) {
            try await agent.client.post("/api/posts", json, [("Idempotency-Key", name)])
        } answer: {
            $0.json["id"]?.string ?? ""
        }
        guard case .done(let id) = ending else { return }
        bounties.know(BountyCrowd.Task(id: id, author: agent, points: points, isEscrow: isEscrow))
    }

    private func claim(_ name: String, by agent: BountyCrowd.Agent, _ chance: inout Chance) async {
        guard let task = bounties.someTask(&chance) else { return }
        let ending = await ask(.claim, task.id) {
            try await agent.client.post("/api/posts/\(task.id)/claim", [:], [("Idempotency-Key", name)])
        } answer: { _ in
            agent.handle
        }
        guard case .done = ending else { return }
        bounties.know(task, takenBy: agent)
        if chance.next(upTo: 1) == 0 { await handIn(task, by: agent) }
    }

    private func assign(_ name: String, by agent: BountyCrowd.Agent, _ chance: inout Chance) async {
        guard let task = bounties.someTask(of: agent, &chance) else { return }
        let assignee = bounties.agents[chance.next(upTo: bounties.agents.count - 1)]
        let ending = await ask(.assign, task.id) {
            try await agent.client.post(
                "/api/posts/\(task.id)/assign", ["handle": .string(assignee.handle)], [("Idempotency-Key", name)])
        } answer: { _ in
            assignee.handle
        }
        if case .done = ending { bounties.know(task, takenBy: assignee) }
    }

    /// Moves no points by itself: an audit may.
    private func handIn(by agent: BountyCrowd.Agent, _ chance: inout Chance) async {
        guard let taken = bounties.someTaken(&chance, where: { $0.assignee.number == agent.number }) else { return }
        await handIn(taken.task, by: agent)
    }

    private func handIn(_ task: BountyCrowd.Task, by agent: BountyCrowd.Agent) async {
        for status in ["in_progress", "in_review"] {
            _ = try? await agent.client.patch("/api/tasks/\(task.id)", ["status": .string(status)])
        }
    }

    /// By its author, by who works on it, or by a stranger.
    private func giveUp(by agent: BountyCrowd.Agent, _ chance: inout Chance) async {
        let own =
            chance.next(upTo: 1) == 0 ? bounties.someTaken(&chance) { $0.assignee.number == agent.number }?.task : nil
        guard let task = own ?? bounties.someTask(&chance) else { return }
        await ask(.giveUp, task.id) {
            try await agent.client.patch("/api/tasks/\(task.id)", ["status": "cancelled"])
        } answer: { _ in
            task.id
        }
    }

    private func complete(_ name: String, by agent: BountyCrowd.Agent, _ chance: inout Chance) async {
        let due = bounties.someTaken(&chance) { $0.task.author.number == agent.number && !$0.task.isEscrow }
        guard let task = due?.task ?? bounties.someTask(of: agent, &chance) else { return }
        await ask(.complete, task.id, amount: task.points) {
            try await agent.client.post("/api/posts/\(task.id)/complete", [:], [("Idempotency-Key", name)])
        } answer: { _ in
            task.id
        }
    }

    /// Nobody else can: a post that isn't there after an unanswered call went by it.
    private func delete(_ task: BountyCrowd.Task) async {
        await ask(.delete, task.id, whenUncertain: [404]) {
            try await task.author.client.delete("/api/posts/\(task.id)")
        } answer: { _ in
            task.id
        }
    }

    /// The queenbee: divides bounties rightly, and now and then wrongly.
    func settle(_ number: Int) async {
        var chance = chance(300 + number)
        var count = 0
        while isMixed {
            count += 1
            if let task = bounties.someTaken(&chance)?.task {
                let payout = Int64(chance.next(upTo: Int(task.points)))
                let excess: Int64 = chance.next(upTo: 5) == 0 ? 1 : 0
                await settle(task, payout: payout, excess: excess, key: "settle-\(number)-\(count)")
            }
            await pause(chance.next(upTo: 500))
        }
    }

    /// - Parameter excess: what is given out beyond what is there.
    @discardableResult
    private func settle(
        _ task: BountyCrowd.Task, payout: Int64, excess: Int64 = 0, key: String
    ) async -> MoneyRecord.Ending {
        let deposit = Bounty.Escrow.deposit(on: task.points)
        let body: JSON = [
            "assignee_payout": JSON(Int(payout)), "poster_refund": JSON(Int(task.points - payout + excess)),
            "assignee_escrow_return": JSON(Int(deposit)), "assignee_escrow_penalty": 0, "reason": "as it seems fair",
        ]
        return await ask(.settle, task.id, amount: payout) { [self] in
            try await bounties.queenbee.post("/api/posts/\(task.id)/settle", body, [("Idempotency-Key", key)])
        } answer: { _ in
            task.id
        }
    }

    /// A machine that audits: reports of all sorts, some of them twice at once; and leases that it forgets.
    func audit(_ machine: FarmMachine, _ number: Int) async {
        var chance = chance(400 + number)
        while !isOver {
            let request = Hex.encode(World.live.random(8))
            guard
                let reply = try? await machine.claim(
                    2, lease: Self.lease, wait: 200, request: request, kinds: ["audit"]),
                reply.status == 200, let grants = try? FarmMachine.grants(reply)
            else {
                await pause(30)
                continue
            }
            for grant in grants where chance.next(upTo: 9) > 0 {
                let passed = Int64(chance.next(upTo: 10))
                await pause(chance.next(upTo: 25))
                async let first: Void = report(passed, of: grant, machine)
                if chance.next(upTo: 3) == 0 { await report(passed, of: grant, machine) }
                await first
            }
        }
    }

    private func report(_ passed: Int64, of grant: FarmMachine.Grant, _ machine: FarmMachine) async {
        let body: JSON = [
            "passed": JSON(Int(passed)), "failed": JSON(Int(10 - passed)), "total": 10, "log": "ran",
        ]
        await ask(.report, "\(grant.job)/\(grant.fence)", amount: passed) {
            try await machine.finish(grant, report: body)
        } answer: { _ in
            grant.job
        }
    }

    /// Ends every task that holds points.
    func endBounties() async throws {
        for task in bounties.all {
            try await eventually("task \(task.id) holds nothing", within: .seconds(30)) {
                guard let reply = try? await bounties.queenbee.get("/api/posts/\(task.id)/escrow") else { return false }
                switch reply.json["escrow_status"]?.string {
                case "poster_held": await delete(task)
                case "both_held": await settle(task, payout: task.points, key: "closing-\(task.id)")
                case nil: return reply.status == 404
                default: return true
                }
                return false
            }
        }
    }
}
