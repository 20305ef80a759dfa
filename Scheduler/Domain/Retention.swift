/// How long is kept what has ended, by the operator's will.
package struct Retention: Sendable, Equatable {
    /// Ended jobs with their attempts, logs and files, uploads that no job is given, and keys that ended: milliseconds
    /// from the end, or from the upload. Nil: for ever.
    package let jobs: Int64?
    /// Audit events: milliseconds from the event. Nil: for ever.
    package let events: Int64?

    package static let forEver = Retention(days: 0, auditDays: 0)

    /// - Parameters:
    ///   - days: of ended jobs and keys, and of uploads; 0: for ever.
    ///   - auditDays: of audit events; 0: for ever.
    package init(days: Int, auditDays: Int) {
        jobs = Self.milliseconds(days)
        events = Self.milliseconds(auditDays)
    }

    private static func milliseconds(_ days: Int) -> Int64? {
        let (product, isOver) = Int64(clamping: days).multipliedReportingOverflow(by: 86_400_000)
        return days < 1 || isOver ? nil : product
    }
}
