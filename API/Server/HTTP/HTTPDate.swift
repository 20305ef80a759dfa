internal import Bytes
internal import Synchronization

/// The `Date` field, made once a second.
final class HTTPDate: Sendable {
    private let last = Mutex<(second: Int64, text: String)>((.min, ""))
    private let now: @Sendable () -> Int64

    init(now: @escaping @Sendable () -> Int64) { self.now = now }

    var text: String {
        let milliseconds = now()
        return last.withLock { last in
            let second = milliseconds / 1_000
            if second != last.second { last = (second, Self.format(milliseconds)) }
            return last.text
        }
    }

    /// RFC 9110: `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func format(_ milliseconds: Int64) -> String {
        let parts = RFC3339.format(milliseconds).split { "-T:.".contains($0) }
        let weekday = Int((milliseconds / 86_400_000 % 7 + 11) % 7)
        guard parts.count >= 6, let month = Int(parts[1]), months.indices.contains(month - 1) else { return "" }
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        return "\(days[weekday]), \(parts[2]) \(months[month - 1]) \(parts[0]) \(parts[3]):\(parts[4]):\(parts[5]) GMT"
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
