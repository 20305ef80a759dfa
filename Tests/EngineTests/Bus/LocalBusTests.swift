import Bus
import Bytes
import Testing

@Suite("The local bus")
struct LocalBusTests {
    private let bus = LocalBus(sleep: World.live.sleep)

    @Test("what is published between subscribing and waiting is not missed")
    func noLostWakeUp() async {
        let subscription = bus.subscribe("jobs")
        bus.publish("jobs")
        #expect(await subscription.wait(for: .seconds(60)) == .published)
    }

    @Test("many publications before a wait are one wake-up")
    func coalesces() async {
        let subscription = bus.subscribe("jobs")
        for _ in 0..<5 { bus.publish("jobs") }
        #expect(await subscription.wait(for: .seconds(60)) == .published)
        #expect(await subscription.wait(for: .milliseconds(5)) == .timedOut)
    }

    @Test("a wait after one whose time was up waits again")
    func timesOutAgain() async {
        let subscription = bus.subscribe("jobs")
        #expect(await subscription.wait(for: .milliseconds(1)) == .timedOut)
        async let wake = subscription.wait(for: .seconds(60))
        bus.publish("jobs")
        #expect(await wake == .published)
    }

    @Test("a subscription hears its topics and no others")
    func topics() async {
        let subscription = bus.subscribe("a", "b")
        bus.publish("c")
        #expect(await subscription.wait(for: .milliseconds(5)) == .timedOut)
        bus.publish("b")
        #expect(await subscription.wait(for: .seconds(60)) == .published)
    }

    @Test("every waiter of a topic is woken")
    func wakesAll() async {
        let subscriptions = (0..<100).map { _ in bus.subscribe("jobs") }
        await withTaskGroup(of: Subscription.Wake.self) { group in
            for subscription in subscriptions { group.addTask { await subscription.wait(for: .seconds(60)) } }
            bus.publish("jobs")
            for await wake in group { #expect(wake == .published) }
        }
    }

    @Test("under a storm of publications every waiter sees the last one")
    func storm() async {
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask { [bus] in
                    let counter = Counter()
                    let subscription = bus.subscribe("storm")
                    let publisher = Task {
                        for _ in 0..<500 {
                            counter.increment()
                            bus.publish("storm")
                        }
                    }
                    while counter.value < 500 {
                        if await subscription.wait(for: .seconds(60)) != .published { return false }
                    }
                    await publisher.value
                    return true
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    @Test("closing ends every wait, those to come too")
    func closing() async {
        let early = bus.subscribe("jobs")
        async let wake = early.wait(for: .seconds(60))
        bus.close()
        #expect(await wake == .closed)
        #expect(await bus.subscribe("jobs").wait(for: .seconds(60)) == .closed)
    }

    @Test("cancelling the task ends its wait")
    func cancellation() async {
        let task = Task { [bus] in await bus.subscribe("jobs").wait(for: .seconds(60)) }
        task.cancel()
        #expect(await task.value == .closed)
    }

    @Test("letting go of the subscription unsubscribes")
    func letGo() {
        do {
            let subscription = bus.subscribe("a", "b")
            #expect(bus.topicCount == 2)
            withExtendedLifetime(subscription) {}
        }
        #expect(bus.topicCount == 0)
    }
}
