/// How a worker may fetch the repositories of audits.
package enum AuditScheme: String, Sendable, CaseIterable {
    case https
    /// Unencrypted: for servers of a private network.
    case http
    /// Repositories on the worker's own machine that its jobs' user can read.
    case file
}
