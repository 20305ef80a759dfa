package import Bytes

/// A server as a process of its own, on a fresh database, and an owner there.
package struct Farm: Sendable {
    package let server: FarmServer
    package let owner: FarmOwner

    /// Serves while `body` runs. Whatever happens, nothing lives on; and no error that nobody foresaw was logged.
    package static func run(
        on database: TestDatabase, environment: [String: String] = [:], folder: String = "/",
        _ body: (Farm) async throws -> Void
    ) async throws {
        try await run(at: database.freshURL(), environment: environment, folder: folder, body)
    }

    /// The same on the database at this URL.
    package static func run(
        at url: String, environment: [String: String] = [:], folder: String = "/",
        _ body: (Farm) async throws -> Void
    ) async throws {
        let server = FarmServer(database: url, environment: environment, folder: folder)
        do {
            try await server.start()
            try await body(Farm(server: server, owner: FarmOwner(server.client(of: "alice"), id: "alice")))
        } catch {
            let log = server.log
            try await server.kill()
            throw FarmFailure(error: error, log: log)
        }
        try await server.kill()
        guard server.complaints.isEmpty else {
            throw ToolFailure(description: "the server complained: \(server.complaints)")
        }
    }

    /// The owner, at another server of the same farm.
    package func owner(at other: FarmServer) -> FarmOwner {
        FarmOwner(other.client(of: owner.id), id: owner.id)
    }
}

/// What went wrong, and what the server had to say of it.
package struct FarmFailure: Error, CustomStringConvertible {
    package let error: any Error
    package let log: String

    package init(error: any Error, log: String) {
        self.error = error
        self.log = log
    }

    package var description: String { "\(error)\nthe server's log:\n\(log)" }
}

extension ToolFailure {
    package init(_ description: String) { self.init(description: description) }
}

/// Who submits jobs and owns machines.
package struct FarmOwner: Sendable {
    package var client: FarmClient
    package let id: String

    package init(_ client: FarmClient, id: String) {
        self.client = client
        self.id = id
    }

    /// Submits a job that any machine may take. `key`: the Idempotency-Key.
    package func submit(_ title: String, key: String? = nil, _ more: [JSON.Member] = []) async throws -> FarmReply {
        let usual: [JSON.Member] = [.init("title", .string(title)), .init("command", ["true"])]
        let members = usual.filter { member in !more.contains { $0.key == member.key } } + more
        return try await client.post(
            "/api/v1/jobs", .object(members), key.map { [("Idempotency-Key", $0)] } ?? [])
    }

    /// The id of a job that was accepted.
    package func submitted(_ title: String, _ more: [JSON.Member] = []) async throws -> String {
        let reply = try await submit(title, more).expecting(201)
        guard let id = reply.json["id"]?.string else { throw ToolFailure(description: "no id: \(reply.text)") }
        return id
    }

    package func job(_ id: String) async throws -> JSON {
        try await client.get("/api/v1/jobs/\(id)").expecting(200).json
    }

    package func status(of id: String) async throws -> String {
        try await job(id)["status"]?.string ?? ""
    }

    /// All of this owner's jobs, newest first.
    package func jobs() async throws -> [JSON] {
        var jobs: [JSON] = []
        var cursor: String?
        repeat {
            let page = try await client.get("/api/v1/jobs?limit=100" + (cursor.map { "&cursor=\($0)" } ?? ""))
                .expecting(200).json
            jobs += page["jobs"]?.array ?? []
            cursor = page["next_cursor"]?.string
        } while cursor != nil
        return jobs
    }

    /// How many events say that a job has ended, by job.
    package func endEvents() async throws -> [String: Int] {
        var ends: [String: Int] = [:]
        var offset = 0
        while true {
            let page = try await client.get("/api/v1/audit/events?limit=500&offset=\(offset)").expecting(200).data
            let events = page["events"]?.array ?? page.array ?? []
            for event in events {
                let jobs =
                    switch event["type"]?.string {
                    case "job_ended": [event["object_id"]?.string]
                    case "jobs_ended": (event["metadata"]?["jobs"]?.array ?? []).map { $0["id"]?.string }
                    default: [] as [String?]
                    }
                for job in jobs { ends[job ?? "", default: 0] += 1 }
            }
            guard events.count == 500 else { return ends }
            offset += 500
        }
    }
}
