import Bytes
import CLibPQ
import Glibc

/// Asking and waiting.
extension PostgresLink {
    /// Waits for the answer to a request that libpq says it has taken (1, else 0): the last result, or the first
    /// error.
    @discardableResult
    func ask(_ isTaken: Int32) throws -> PostgresResult {
        let deadline = World.live.monotonic() + Int64(patience)
        guard isTaken == 1 else { throw lost() }
        try flush(until: deadline)
        var last: PostgresResult?
        while let result = try nextResult(until: deadline) {
            if last?.isError != true { last = result }
        }
        guard let last, PQstatus(handle) != CONNECTION_BAD else { throw lost() }
        guard last.isError else { return last }
        let (error, health) = last.failure(mayWrite: mode == .write)
        self.health = health
        throw error
    }

    /// Sends several prepared statements in one go and waits for all their answers, or throws the first error.
    func pipeline(_ sends: [(OpaquePointer) -> Int32]) throws -> [PostgresResult] {
        var deadline = World.live.monotonic() + Int64(patience)
        failedAfter = nil
        guard PQenterPipelineMode(handle) == 1 else { throw lost() }
        // A server that says nothing is given up all the same.
        defer { if PQexitPipelineMode(handle) != 1, health != .stalled { health = .lost } }
        guard sends.allSatisfy({ $0(handle) == 1 }), PQpipelineSync(handle) == 1 else { throw lost() }
        try flush(until: deadline)
        var answers: [PostgresResult] = []
        var failed: PostgresResult?
        while true {
            // Between the answers of two statements there is nothing.
            guard let result = try nextResult(until: deadline) else {
                guard PQstatus(handle) != CONNECTION_BAD else { throw lost() }
                continue
            }
            if result.endsPipeline { break }
            // Each statement has its time.
            deadline = World.live.monotonic() + Int64(patience)
            if !result.isError {
                answers.append(result)
            } else if failed == nil {
                failed = result
                failedAfter = answers.count
            }
        }
        guard let failed else { return answers }
        let (error, health) = failed.failure(mayWrite: mode == .write)
        self.health = health
        throw error
    }

    private func flush(until deadline: Int64) throws {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                // While it can't be written there may be something to read that the server waits to get rid of.
                try wait(POLLIN | POLLOUT, until: deadline)
                guard PQconsumeInput(handle) == 1 else { throw lost() }
            default: throw lost()
            }
        }
    }

    func nextResult(until deadline: Int64) throws -> PostgresResult? {
        while PQisBusy(handle) != 0 {
            try wait(POLLIN, until: deadline)
            guard PQconsumeInput(handle) == 1 else { throw lost() }
        }
        return PQgetResult(handle).map { PostgresResult($0) }
    }

    private func wait(_ events: Int32, until deadline: Int64) throws {
        let left = Int(deadline - World.live.monotonic())
        guard left > 0, waitForFile(socket, events, milliseconds: left) else {
            health = .stalled
            throw DatabaseError.unavailable("the server does not answer")
        }
    }

    func lost() -> DatabaseError {
        health = .lost
        return .unavailable(PQerrorMessage(handle).map { String(cString: $0) } ?? "connection lost")
    }
}
