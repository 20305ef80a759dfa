package import Testing

extension Tag {
    /// Measures time, so `Ops/check` runs it while no other test runs.
    @Tag package static var timed: Self
}
