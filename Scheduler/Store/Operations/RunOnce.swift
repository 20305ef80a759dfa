internal import Domain

extension Transaction {
    /// Does a thing once: a repeated call gets the first one's answer, stored in the same commit as the effect.
    package func once(_ key: IdempotencyKey?, _ effect: () throws -> StoredAnswer) throws -> StoredAnswer {
        guard let key else { return try effect() }
        if let earlier = try storedAnswers([key.name])[key.name] {
            guard earlier.bodyHash == key.bodyHash else { throw Refusal.keyReused }
            var answer = earlier.answer
            answer.isReplayed = true
            return answer
        }
        let answer = try effect()
        try storeAnswers([(key, answer)])
        return answer
    }
}
