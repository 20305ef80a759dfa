import Testing

/// Tests that load the machine or measure time, one after the other. Those that only wait run beside them.
@Suite("With real processes, one by one", .serialized, .timeLimit(.minutes(3)))
enum OneByOne {}
