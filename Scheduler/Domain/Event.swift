/// A fact for the audit log: recorded in the commit that made it true (CONTRACT 5).
package struct Event: Sendable {
    package var owner: OwnerID
    package var type: EventType
    /// Who did it: an owner, a worker, or `system`.
    package var actor: String
    package var object: String
    /// A JSON object, compact.
    package var metadata: String

    package init(owner: OwnerID, type: EventType, actor: String, object: String, metadata: String = "{}") {
        self.owner = owner
        self.type = type
        self.actor = actor
        self.object = object
        self.metadata = metadata
    }
}

package enum EventType: String, Sendable, CaseIterable {
    case machineRegistered = "machine_registered"
    case machineDeleted = "machine_deleted"
    case policyCreated = "policy_created"
    case policyActivated = "policy_activated"
    case consentCreated = "consent_created"
    case consentRevoked = "consent_revoked"
    case workerHeartbeat = "worker_heartbeat"
    case workerDrained = "worker_drained"
    case agentRegistered = "agent_registered"
    case agentUpdated = "agent_updated"
    case loginAdded = "login_added"
    case passwordChanged = "password_changed"
    case loginDisabled = "login_disabled"
    case loginEnabled = "login_enabled"
    case identityAdded = "identity_added"
    case apiKeyCreated = "api_key_created"
    case apiKeyRotated = "api_key_rotated"
    case apiKeyRevoked = "api_key_revoked"
    case memberRoleChanged = "member_role_changed"
    case jobsSubmitted = "jobs_submitted"
    case jobsClaimed = "jobs_claimed"
    case jobAttemptFailed = "job_attempt_failed"
    case jobReleased = "job_released"
    case jobLeaseLost = "job_lease_lost"
    case jobEnded = "job_ended"
    case jobsEnded = "jobs_ended"
    case jobRetried = "job_retried"
    case jobsRevived = "jobs_revived"
    case jobDeleted = "job_deleted"
    case artifactStored = "artifact_stored"
    case jobPaid = "job_paid"
    case jobsPaid = "jobs_paid"
    case depositMade = "deposit_made"
    case withdrawalRequested = "withdrawal_requested"
    case withdrawalApproved = "withdrawal_approved"
    case withdrawalRejected = "withdrawal_rejected"
    case withdrawalPaid = "withdrawal_paid"
    case forumPostCreated = "forum_post_created"
    case forumCommentAdded = "forum_comment_added"
    case bountyCommentAdded = "bounty_comment_added"
    case memberFollowed = "member_followed"
    case memberUnfollowed = "member_unfollowed"
    case messageSent = "message_sent"
    case bountyPosted = "bounty_posted"
    case bountyEdited = "bounty_edited"
    case bountyDeleted = "bounty_deleted"
    case bountyAssigned = "bounty_assigned"
    case bountyMoved = "bounty_moved"
    case bountySettled = "bounty_settled"
    case bountyRefunded = "bounty_refunded"
    case auditStarted = "audit_started"
    case auditReported = "audit_reported"
    case auditDisputed = "audit_disputed"
    case collabTaskCreated = "collab_task_created"
    case collabTaskUpdated = "collab_task_updated"
    case collabTaskDeleted = "collab_task_deleted"
    case deviceProvisioned = "device_provisioned"
    case deviceRegistered = "device_registered"
    case deviceChanged = "device_changed"
    case deviceSuspended = "device_suspended"
    case deviceResumed = "device_resumed"
    case deviceDeleted = "device_deleted"
    case deviceSessionOpened = "device_session_opened"
    case deviceSessionEnded = "device_session_ended"
    case commandApproved = "command_approved"
    case commandRejected = "command_rejected"
    case inklingBanned = "inkling_banned"
    case inklingUnbanned = "inkling_unbanned"
    case inklingBlessed = "inkling_blessed"
}
