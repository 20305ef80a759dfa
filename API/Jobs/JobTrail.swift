internal import Bus
internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// What a job says while it runs: its log, and its events as they come.
enum JobTrail {
    static let routes = [
        Route(
            .get, "/jobs/{job}/logs", "readJobLog", "The job's log, oldest first.",
            query: [after.parameter, limit.parameter], .ok(log), logs),
        Route(
            .get, "/jobs/{job}/events", "followJob", "The job's status, progress and log as server-sent events.",
            headers: [.init("Last-Event-ID", .string(), "Goes on after this event.")],
            answers: [.ok(event, type: "text/event-stream")], events),
    ].tagged("Jobs")

    private static let after = QueryParameter.integer("after", 0...Int.max, "The `seq` of the last piece you have.")
    private static let limit = QueryParameter.integer("limit", 1...1_000, "How many pieces, 200 when absent.")

    private typealias Log = (pieces: [LogPiece], after: Int64)

    private static let log = Shape<Log> {
        field("logs", .array(piece)) { $0.pieces }
        field("next_after", .integer(0...Int64.max)) { $0.pieces.last?.seq ?? $0.after }
    }

    private static let piece = Shape<LogPiece> {
        field("seq", .integer(0...Int64.max)) { $0.seq }
        field("fence", .integer(0...Int64.max)) { $0.fence }
        field("at", .instant) { $0.at }
        field("text", .string) { $0.text }
        optionalField("text_base64", .string, "The exact bytes, when they are not UTF-8.") { $0.content.base64 }
    }

    /// A piece of the log as an event: its number is the event's.
    private static let line = Shape<LogPiece> {
        field("at", .instant) { $0.at }
        field("fence", .integer) { $0.fence }
        field("text", .string) { $0.text }
        optionalField("text_base64", .string, "The exact bytes, when they are not UTF-8.") { $0.content.base64 }
    }

    /// Each event of the stream, by its fields.
    private static let event = Schema.named(
        "JobEvent",
        .object(
            .optional(
                "id", .string(pattern: "^[0-9]+$").example("3"), "The `seq` of the last piece of the log until here."),
            .optional("event", .choice("log", "status", "progress")),
            .required("data", .embedded(.either([line.schema, JobShapes.summary.schema])))))

    private static func logs(_ call: Call, _ member: MemberContext) async throws -> Log {
        let id = try call.parameter("job", as: JobID.self)
        let query = try call.query
        let after = Int64(try query[after] ?? 0)
        let limit = Int64(try query[limit] ?? 200)
        let owners = member.readable
        let pieces = try await call.database.read { tx in
            guard try tx.isJob(id, ofAny: owners) else { throw Refusal.notFound("job") }
            return try tx.log(of: id, after: after, limit: limit)
        }
        return (pieces, after)
    }

    /// Where a follower stands.
    private struct Position {
        var seq: Int64
        var shown: [UInt8]?
    }

    static func events(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = try call.parameter("job", as: JobID.self)
        let (owner, owners) = (member.owner, member.readable)
        let after = call.header(.lastEventID).flatMap { Int64($0) } ?? 0
        let dependencies = call.dependencies
        let subscription = dependencies.bus.subscribe(JobBroker.topic(id))
        guard try await dependencies.database.read({ try $0.isJob(id, ofAny: owners) }) else {
            throw Problem.notFound("job")
        }
        return .events(for: call) { stream in
            var position = Position(seq: max(0, after), shown: nil)
            try await stream.follow(subscription, every: .seconds(1)) { stream in
                // A credential that ended takes its streams with it.
                do {
                    guard try await call.authenticator.member(call).owner == owner else { return true }
                } catch is Problem {
                    return true
                }
                // The status first, the log after it: when the status is an end, the log read later is whole.
                let read = try await dependencies.database.read { try $0.jobSummary(id, ofAny: owners) }
                guard let job = read else {
                    return true
                }
                try await sendLog(of: id, dependencies, &position, &stream)
                let status = JobShapes.summary.bytes(job)
                if status != position.shown {
                    position.shown = status
                    try await stream.send(
                        id: String(position.seq), event: job.percent == nil ? "status" : "progress",
                        data: status)
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
                try await stream.send(id: String(piece.seq), event: "log", data: line.bytes(piece))
            }
            if pieces.count < 100 { return }
        }
    }
}

extension HTTPField.Name {
    static let lastEventID = ours("Last-Event-ID")
}
