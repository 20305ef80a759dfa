import Bytes

/// Virtual time: what is to happen, in its order. For one thread.
final class BoardTime {
    private struct Event {
        let at: Int64
        let number: Int
        let body: () -> Void
    }

    private let clock = Shared<Int64>(0)
    /// The next comes last.
    private var events: [Event] = []
    private var lastNumber = 0

    /// Milliseconds since the beginning.
    var now: Int64 { clock.value }

    var world: World {
        let clock = clock
        return World(
            now: { 1_700_000_000_000 + clock.value }, monotonic: { clock.value }, sleep: { _ in },
            random: { [UInt8](repeating: 0, count: $0) })
    }

    func after(_ milliseconds: Int64, _ body: @escaping () -> Void) {
        lastNumber += 1
        let event = Event(at: now + milliseconds, number: lastNumber, body: body)
        var (low, high) = (0, events.count)
        while low < high {
            let middle = (low + high) / 2
            if (events[middle].at, events[middle].number) > (event.at, event.number) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        events.insert(event, at: low)
    }

    /// Lets everything happen that is due until then.
    func run(until end: Int64, while isGoingOn: () -> Bool) {
        while isGoingOn(), let next = events.popLast(), next.at <= end {
            clock.change { $0 = next.at }
            next.body()
        }
        events = []
    }
}
