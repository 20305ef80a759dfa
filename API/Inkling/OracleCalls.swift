internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

extension OracleQuestion: SignedPayload {
    static let signed = input.signed
}

/// The oracle: a conversation that a device has with a language model by way of the server (CONTRACT 8).
enum OracleCalls {
    static let routes = [
        Route(
            .get, "/oracle", "openNonce", "A nonce, which makes one signed call good for once and five minutes.",
            .ok(opened), open),
        Route(
            .post, "/oracle", "askOracle", "Continues a conversation: 100 a day, and 10,000 tokens.",
            body: OracleQuestion.signed.map { _ in }, answers: Success.ok(answered).answers(of: .post), ask),
    ].tagged("Oracle")

    private static let opened = Shape<String> {
        field("nonce", .hex(64...64)) { $0 }
        field("expires_in", InklingShapes.count, "Seconds.") { _ in Inkling.nonceLasts / 1_000 }
    }

    private static func open(_ call: Call, _ anyone: PublicContext) async throws -> String {
        let nonce = Hex.encode(call.dependencies.world.random(32))
        try await call.database.write { try $0.openNonce(nonce) }
        return nonce
    }

    private struct Answered: Sendable {
        let text: String
        let tokens: Int64
        let remaining: Int64
    }

    private static let answered = Shape<Answered> {
        field("response", .string) { $0.text }
        field("tokens_used", InklingShapes.count) { $0.tokens }
        field("remaining_calls", InklingShapes.count) { $0.remaining }
    }

    /// What it may cost is reserved in the commit that admits the call, so that no two calls spend the same tokens;
    /// then the upstream is asked, and what was reserved is corrected, or given back with all else.
    private static func ask(_ call: Call, _ caller: SignedContext<OracleQuestion>) async throws -> Reply {
        let oracle = call.dependencies.oracle
        let question = caller.payload
        let tokens = question.estimate
        do {
            return try await oracle.open {
                let reservation = try await call.database.write { tx in
                    let entry = try caller.enter(tx)
                    return try tx.reserveOracle(caller.signed, entry: entry, tokens: tokens)
                }
                let answer: OracleAnswer
                do {
                    answer = try await oracle.ask(question)
                } catch {
                    try await call.database.write { try $0.giveBackOracle(reservation) }
                    throw error
                }
                let used = answer.tokens ?? tokens
                try await call.database.write { try $0.settleOracle(reservation, used: used) }
                call.noteDaily([reservation.standing])
                return Success.ok(answered).reply(
                    Answered(text: answer.text, tokens: used, remaining: reservation.standing.remaining), for: call)
            }
        } catch is Oracle.Silent {
            throw Problem.unavailable("The oracle is silent; try again later", code: "oracle_unavailable")
        }
    }
}
