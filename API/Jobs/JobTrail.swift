internal import Bus
internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// What a job says while it runs: its log, and its events as they come.
enum JobTrail {
    static let routes: [Route] = [
        .get(
            "/jobs/{job}/logs", "readJobLog", "The job's log, oldest first.", tag: "Jobs",
            query: [
                .init("after", .integer(0 ... .max), "The `seq` of the last piece you have."),
                .init("limit", .integer(1...1_000), "How many pieces, 200 when absent."),
            ],
            answers: [
                .ok(
                    .object(
                        .required(
                            "logs",
                            .array(
                                .object(
                                    .required("seq", .integer(0 ... .max)), .required("fence", .integer(0 ... .max)),
                                    .required("at", .instant), .required("text", .string())))),
                        .required("next_after", .integer(0 ... .max))))
            ], logs),
        .get(
            "/jobs/{job}/events", "followJob", "The job's status, progress and log as server-sent events.",
            tag: "Jobs",
            headers: [.init("Last-Event-ID", .string(), "Goes on after this event.")],
            answers: [.ok(.string(), type: "text/event-stream")], events),
    ]

    static func logs(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = call.parameter("job", as: JobID.self)
        let query = try call.query
        let after = Int64(try query.integer("after", in: 0...Int.max, default: 0))
        let limit = Int64(try query.integer("limit", in: 1...1_000, default: 200))
        let owner = member.owner
        let pieces = try await call.dependencies.database.read { tx -> [LogPiece]? in
            guard try tx.job(id, owner: owner) != nil else { return nil }
            return try tx.log(of: id, after: after, limit: limit)
        }
        guard let pieces else { throw Problem.notFound("job") }
        return .json(
            .ok,
            [
                "logs": .array(
                    pieces.map { piece in
                        [
                            "seq": JSON(piece.seq), "fence": JSON(piece.fence),
                            "at": .string(RFC3339.format(piece.at)), "text": .string(piece.text),
                        ]
                    }),
                "next_after": JSON(pieces.last?.seq ?? after),
            ])
    }

    /// Where a follower stands.
    private struct Position {
        var seq: Int64
        var shown: String?
    }

    static func events(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = call.parameter("job", as: JobID.self)
        let owner = member.owner
        let after = call.header(.lastEventID).flatMap { Int64($0) } ?? 0
        let dependencies = call.dependencies
        let subscription = dependencies.bus.subscribe(JobBroker.topic(id))
        guard try await dependencies.database.read({ try $0.job(id, owner: owner) }) != nil else {
            throw Problem.notFound("job")
        }
        return .events(for: call) { stream in
            var position = Position(seq: max(0, after), shown: nil)
            try await stream.follow(subscription, every: .seconds(1)) { stream in
                // A credential that ended takes its streams with it.
                guard let caller = try? await call.authenticator.member(call), caller.owner == owner else {
                    return true
                }
                // The status first, the log after it: when the status is an end, the log read later is whole.
                guard let job = try await dependencies.database.read({ try $0.job(id, owner: owner) }) else {
                    return true
                }
                try await sendLog(of: id, dependencies, &position, &stream)
                let status = JSON.object(JobView.summary(job)).text(.compact)
                if status != position.shown {
                    position.shown = status
                    try await stream.send(
                        id: String(position.seq), event: job.percent == nil ? "status" : "progress",
                        data: Array(status.utf8))
                }
                return job.state.isEnded
            }
        }
    }

    private static func sendLog(
        of id: JobID, _ dependencies: Dependencies, _ position: inout Position, _ stream: inout EventStream
    ) async throws {
        while true {
            let seq = position.seq
            let pieces = try await dependencies.database.read { try $0.log(of: id, after: seq, limit: 100) }
            for piece in pieces {
                position.seq = piece.seq
                let line: JSON = [
                    "at": .string(RFC3339.format(piece.at)), "fence": JSON(piece.fence), "text": .string(piece.text),
                ]
                try await stream.send(id: String(piece.seq), event: "log", data: line.bytes(.compact))
            }
            if pieces.count < 100 { return }
        }
    }
}

extension HTTPField.Name {
    static let lastEventID = ours("Last-Event-ID")
}
