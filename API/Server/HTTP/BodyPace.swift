internal import NIOCore

/// Whether a body comes fast enough: a kilobyte a second in every window, as long as we are ready to take it. What came
/// before doesn't count, else a body whose beginning came fast could stay for hours.
struct BodyPace {
    let window: TimeAmount
    /// Since when what comes is counted; nil between requests.
    private var since: NIODeadline?
    private var bytes = 0
    /// Whether we took nothing for a while meanwhile.
    private var wasHeldUp = false

    init(window: TimeAmount) { self.window = window }

    /// Whether a body, or the end of a request without one, is to come.
    var isOpen: Bool { since != nil }

    mutating func begin(at time: NIODeadline, isHeldUp: Bool) {
        since = time
        bytes = 0
        wasHeldUp = isHeldUp
    }

    mutating func add(_ count: Int) { bytes += count }

    /// We don't take what comes.
    mutating func holdUp() { wasHeldUp = true }

    mutating func end() { since = nil }

    /// Judges a window that is over, and begins the next. To be asked more often than windows end.
    mutating func isTooSlow(at now: NIODeadline, isHeldUp: Bool) -> Bool {
        guard let since, now - since >= window else { return false }
        defer { begin(at: now, isHeldUp: isHeldUp) }
        return !wasHeldUp && !isHeldUp && Int64(bytes) < (now - since).nanoseconds / 1_000_000
    }
}
