import Synchronization

/// A number that several tasks count up.
final class Counter: Sendable {
    private let number = Atomic(0)

    var value: Int { number.load(ordering: .acquiring) }
    func increment() { number.add(1, ordering: .acquiringAndReleasing) }
}
