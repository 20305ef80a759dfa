internal import Bytes

/// A value that is made at most once in a while, however many ask, and by one of them at a time.
actor Cached<Value: Sendable> {
    private let milliseconds: Int64
    private let rest: Int64
    private let clock: @Sendable () -> Int64
    private let make: @Sendable () async -> Value
    private var last: (value: Value, until: Int64)?
    private var making: Task<Value, Never>?

    /// - Parameters:
    ///   - milliseconds: how long a value is good.
    ///   - rest: what is dear to make is good for so many times as long as it took, if that is longer, and who asks
    ///     meanwhile and until the next is made gets the one before; 0: everybody waits for the next.
    init(
        milliseconds: Int64, rest: Int64 = 0, clock: @escaping @Sendable () -> Int64,
        make: @escaping @Sendable () async -> Value
    ) {
        self.milliseconds = milliseconds
        self.rest = rest
        self.clock = clock
        self.make = make
    }

    var value: Value {
        get async {
            if let last, clock() < last.until { return last.value }
            let making = begin()
            if rest > 0, let last { return last.value }
            return await making.value
        }
    }

    /// The one who makes it, who may be at it already.
    private func begin() -> Task<Value, Never> {
        if let making { return making }
        let task = Task {
            let start = clock()
            let value = await make()
            end(value, took: max(0, clock() - start))
            return value
        }
        making = task
        return task
    }

    private func end(_ value: Value, took: Int64) {
        making = nil
        let good = max(milliseconds, took.multipliedReportingOverflow(by: rest).partialValue)
        let (until, overflow) = clock().addingReportingOverflow(good)
        last = (value, overflow ? .max : until)
    }
}
