import Support
import Testing

/// Tests that load the machine or measure time, one after the other. Those that only wait run beside them.
@Suite("With real processes, one by one", .serialized, .timeLimit(.minutes(3)), .tags(.timed))
enum OneByOne {}

/// Prints what was measured: a test only says whether it was good enough.
func measured(_ what: String, _ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    print("measured: \(what): \(seconds * 1_000 + attoseconds / 1_000_000_000_000_000) ms")
}
