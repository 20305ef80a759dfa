internal import Synchronization

/// A value that is known once everything is put together. Set once.
final class SetOnce<Value: Sendable>: Sendable {
    private let box = Mutex<Value?>(nil)

    var value: Value? { box.withLock { $0 } }

    /// A second call is our bug.
    func set(_ value: Value) {
        box.withLock { box in
            // The composition root sets it, before anybody is served.
            precondition(box == nil, "set once")
            box = value
        }
    }
}
