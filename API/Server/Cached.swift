internal import Bytes

/// A value that is made at most once in a while, however many ask, and by one of them at a time.
actor Cached<Value: Sendable> {
    private let milliseconds: Int64
    private let clock: @Sendable () -> Int64
    private let make: @Sendable () async -> Value
    private var last: (value: Value, since: Int64)?
    private var making: Task<Value, Never>?

    /// - Parameter milliseconds: how long a value is good.
    init(
        milliseconds: Int64, clock: @escaping @Sendable () -> Int64, make: @escaping @Sendable () async -> Value
    ) {
        self.milliseconds = milliseconds
        self.clock = clock
        self.make = make
    }

    var value: Value {
        get async {
            if let last, clock() - last.since < milliseconds { return last.value }
            if let making { return await making.value }
            let task = Task { await make() }
            making = task
            let value = await task.value
            last = (value, clock())
            making = nil
            return value
        }
    }
}
