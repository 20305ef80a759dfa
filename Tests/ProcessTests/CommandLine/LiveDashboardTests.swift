import Support
import Testing

@testable import hatchfarm

@Suite("Lines drawn over themselves")
struct LiveDashboardTests {
    @Test("no change, no bytes; what stays goes above what is drawn again")
    func redrawn() {
        #expect(LiveDashboard.redrawn(from: ["a", "b"], to: ["a", "b"], above: []).isEmpty)
        #expect(LiveDashboard.redrawn(from: [], to: ["a", "b"], above: []) == "\ra\u{1B}[K\nb\u{1B}[K\u{1B}[J")
        #expect(
            LiveDashboard.redrawn(from: ["a", "b", "c"], to: ["d"], above: ["said"])
                == "\r\u{1B}[2Asaid\u{1B}[K\nd\u{1B}[K\u{1B}[J")
        #expect(LiveDashboard.redrawn(from: ["a", "b"], to: [], above: ["bye"]) == "\r\u{1B}[1Abye\u{1B}[K\n\u{1B}[J")
    }

    @Test("after any row of drawings a terminal shows what was said, in order, and the last drawing", arguments: 0..<50)
    func terminal(seed: Int) {
        var state = UInt64(seed) &* 6_364_136_223_846_793_005 &+ 1
        func below(_ bound: UInt64) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % bound)
        }
        func words(_ word: String, _ count: Int) -> [String] {
            (0..<count).map { "\(word) \($0) " + String(repeating: "x", count: below(20)) }
        }
        var bytes = ""
        var said: [String] = []
        var shown: [String] = []
        for round in 0..<30 {
            let above = words("said in \(round)", below(3))
            let lines = words("line", 1 + below(6))
            bytes += LiveDashboard.redrawn(from: shown, to: lines, above: above)
            said += above
            shown = lines
            // A terminal's driver sends the carriage back.
            #expect(Screen(bytes.replacing("\n", with: "\r\n")).lines == said + shown)
        }
        bytes += LiveDashboard.redrawn(from: shown, to: [], above: ["bye"])
        #expect(Screen(bytes.replacing("\n", with: "\r\n")).lines == said + ["bye", ""])
    }
}
