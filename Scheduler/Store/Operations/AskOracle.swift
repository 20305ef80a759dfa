package import Domain

extension Transaction {
    /// Counts a call to the oracle and what it may cost, before it is made.
    ///
    /// Throws `Refusal.limitReached`: of the calls, or of the tokens.
    /// - Parameters:
    ///   - entry: what the call made of its device, in this transaction.
    ///   - tokens: what it may cost, at least 1.
    package func reserveOracle(
        _ call: SignedCall, entry: InklingEntry, tokens: Int64
    ) throws -> OracleReservation {
        let day = DailyQuota.day(of: now)
        let standing = try takeDaily(OracleReservation.calls, by: call.key.text)
        guard try addDailyCount(OracleReservation.tokens, call.key.text, day: day, count: tokens) else {
            let used = try dailyCount(OracleReservation.tokens, call.key.text, day: day)
            throw Refusal.limitReached(QuotaStanding(OracleReservation.tokens, used: used, at: now))
        }
        let reservation = OracleReservation(
            id: newUUID(), call: call, entry: entry, day: day, reserved: tokens,
            standing: standing)
        try insertOracleCall(reservation)
        return reservation
    }

    /// Corrects what was reserved by what was used. A reservation that was given back stays so.
    package func settleOracle(_ reservation: OracleReservation, used: Int64) throws {
        guard try deleteOracleCall(reservation.id) else { return }
        try correctDailyCount(
            OracleReservation.tokens, reservation.call.key.text, day: reservation.day,
            by: used - reservation.reserved)
    }

    /// Gives back what was reserved for a call that came to nothing: its message may come again, and a device that only
    /// this call made known is unknown again.
    package func giveBackOracle(_ reservation: OracleReservation) throws {
        // Before its counts, as whoever lets a call in locks them.
        _ = try lockInkling(reservation.call.key)
        guard try deleteOracleCall(reservation.id) else { return }
        try giveBack(reservation.call.key, day: reservation.day, tokens: reservation.reserved)
        try forgetNonce(reservation.call.digest, scope: InklingScope.messages)
        if let nonce = reservation.call.nonce { try openNonce(nonce) }
        try leave(reservation.call, entry: reservation.entry, day: reservation.day)
    }

    /// Gives back what servers that died had reserved; returns how many calls.
    func giveBackExpiredOracleCalls(limit: Int) throws -> Int {
        let expired = try expiredOracleCalls(limit: limit)
        for call in expired where try deleteOracleCall(call.id) {
            try giveBack(call.key, day: call.day, tokens: call.tokens)
        }
        return expired.count
    }

    private func giveBack(_ key: InklingKey, day: Int64, tokens: Int64) throws {
        try correctDailyCount(OracleReservation.calls, key.text, day: day, by: -1)
        try correctDailyCount(OracleReservation.tokens, key.text, day: day, by: -tokens)
    }
}
