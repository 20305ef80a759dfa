import Synchronization

/// A value that several tasks of a test change.
final class Shared<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) { state = Mutex(value) }

    var value: Value { state.withLock { $0 } }

    func change<T: Sendable>(_ body: (inout Value) -> T) -> T {
        state.withLock { value in body(&value) }
    }
}
