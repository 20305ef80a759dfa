/// A business no. A refusal promises that nothing happened (CONTRACT 2). A case exists only if some caller reacts
/// to it differently; the server has words for every case, a system those that its callers expect otherwise.
package enum Refusal: Error, Sendable, Hashable {
    /// A field of the request is wrong; the text says how to mend it.
    case invalid(field: String, message: String)
    /// There is no such thing, or it isn't the caller's to see.
    case notFound(String)
    /// It exists and belongs to somebody else, where the seed wants that said.
    case notYours(String)
    /// The caller may see it and may not do this with it (403): the text says who may, or why.
    case notAllowed(String)
    /// The claim token is not the current one, or its time is over (403).
    case leaseLost(JobID)
    /// The job has ended (409).
    case jobEnded(JobID, JobState)
    /// It stands elsewhere than the call needs (409): the text says where and what would help.
    case wrongState(String)
    /// Only members do this, and the owner that the operator acts for is none (403).
    case membersOnly
    /// The name is taken (409).
    case taken(field: String)
    /// The balance is short (400); amounts in minor units.
    case insufficientFunds(Asset, needed: Int64, available: Int64)
    /// The idempotency key came with another body before (422).
    case keyReused
    /// A quota is used up (429); the text names it.
    case quota(String, retryAfterSeconds: Int64)
    /// There is no room for a file, however often it comes (413); the text names the limit.
    case noRoom(String)
    /// A limit that callers are told of is reached (429).
    case limitReached(QuotaStanding)
    /// The upload stands at another offset, in bytes, than the piece begins at (409).
    case uploadStands(at: Int64)
    /// Machine, token or signature is wrong; which of them is not said (401).
    case invalidHeartbeatAuth
    /// The clock is too far from ours (401).
    case clockSkew(milliseconds: Int64)
    /// This nonce was used before (401).
    case nonceSeen
    /// No unrevoked consent for this worker and policy (403).
    case noConsent
    /// The credential ended while it was being used (401).
    case credentialEnded
    /// The signature of a policy, a consent or a call doesn't hold (401).
    case badSignature
    /// The nonce was never given out, is too old, or was used (401).
    case nonceInvalid
    /// The operator has banned the caller (403).
    case banned
    /// Only those do this whom others vouch for (403); the text says what.
    case notVerified(String)
}
