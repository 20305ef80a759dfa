/// Sequence numbers of events, in an order, and as a short text: `"7-70,5,72"` stands for 7 to 70, then 5, then 72.
package struct EventNumbers: Sendable, Equatable {
    package let numbers: [Int64]

    package init(_ numbers: [Int64]) { self.numbers = numbers }

    /// nil if the text is none of these, or stands for more than `most` numbers.
    package init?(text: String, most: Int) {
        var numbers: [Int64] = []
        for run in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = run.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int64($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, 0 <= first, first <= last,
                last - first < Int64(most - numbers.count)
            else { return nil }
            numbers.append(contentsOf: first...last)
        }
        self.numbers = numbers
    }

    package var text: String {
        var runs: [ClosedRange<Int64>] = []
        for number in numbers {
            if let run = runs.last, run.upperBound < number, number - run.upperBound == 1 {
                runs[runs.count - 1] = run.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}
