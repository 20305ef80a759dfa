/// Instants as text. Years 0001–9999 of UTC; milliseconds since 1970.
package enum RFC3339 {
    /// `2026-11-21T07:38:44.123Z`, or with an offset. Digits beyond the milliseconds are dropped, a leap second
    /// (only at the end of a day in UTC) is taken for the millisecond before it, and what no calendar or clock
    /// shows is `nil`.
    package static func parse(_ text: String) -> Int64? {
        var reader = DigitReader(text)
        guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2), reader.skip("-"),
            let day = reader.number(2), reader.skip("Tt"), let hour = reader.number(2), reader.skip(":"),
            let minute = reader.number(2), reader.skip(":"), let second = reader.number(2),
            let fraction = reader.fraction(), let offset = reader.offset(), reader.isAtEnd
        else { return nil }
        guard year >= 1, 1...12 ~= month, day >= 1, day <= daysIn(month, of: year),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        let minutes = days(year, month, day) * 1_440 + hour * 60 + minute - offset
        if second == 60, floorDivide(minutes, 1_440).remainder != 1_439 { return nil }
        let instant = minutes * 60_000 + (second == 60 ? 59_999 : second * 1_000 + fraction)
        return range.contains(instant) ? instant : nil
    }

    /// Always `2026-11-21T07:38:44.123Z`. An instant outside the years 1–9999 is brought within.
    package static func format(_ milliseconds: Int64) -> String {
        let instant = min(max(milliseconds, range.lowerBound), range.upperBound)
        let (day, time) = floorDivide(instant, 86_400_000)
        let date = date(day)
        return String(unsafeUninitializedCapacity: 24) { buffer in
            var writer = DigitWriter(buffer: buffer)
            writer.put(date.year, 4, then: "-")
            writer.put(date.month, 2, then: "-")
            writer.put(date.day, 2, then: "T")
            writer.put(time / 3_600_000, 2, then: ":")
            writer.put(time / 60_000 % 60, 2, then: ":")
            writer.put(time / 1_000 % 60, 2, then: ".")
            writer.put(time % 1_000, 3, then: "Z")
            return writer.at
        }
    }

    /// From 0001-01-01T00:00:00.000Z to 9999-12-31T23:59:59.999Z.
    package static let range: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

    private static func daysIn(_ month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970 in the proleptic Gregorian calendar, by eras of 400 years that begin in March.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let (era, yearOfEra) = floorDivide(month > 2 ? year : year - 1, 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

/// Fixed runs of digits, read from the left.
private struct DigitReader {
    private var rest: Substring.UTF8View

    init(_ text: String) {
        rest = text[...].utf8
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ allowed: StaticString) -> Bool {
        guard let byte = rest.first else { return false }
        for index in 0..<allowed.utf8CodeUnitCount where allowed.utf8Start[index] == byte {
            rest.removeFirst()
            return true
        }
        return false
    }

    mutating func digit() -> Int64? {
        guard let byte = rest.first, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { return nil }
        rest.removeFirst()
        return Int64(byte - UInt8(ascii: "0"))
    }

    mutating func number(_ count: Int) -> Int64? {
        var value: Int64 = 0
        for _ in 0..<count {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// Milliseconds; zero when there is no point.
    mutating func fraction() -> Int64? {
        guard skip(".") else { return 0 }
        guard var value = digit() else { return nil }
        value = value * 100
        var unit: Int64 = 10
        while let digit = digit() {
            value += digit * unit
            unit /= 10
        }
        return value
    }

    /// Minutes east.
    mutating func offset() -> Int64? {
        if skip("Zz") { return 0 }
        let isWest = skip("-")
        guard isWest || skip("+"), let hours = number(2), skip(":"), let minutes = number(2),
            hours < 24, minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * (isWest ? -1 : 1)
    }
}

private struct DigitWriter {
    let buffer: UnsafeMutableBufferPointer<UInt8>
    var at = 0

    /// `value` has at most `count` digits.
    mutating func put(_ value: Int64, _ count: Int, then mark: Unicode.Scalar) {
        var left = value
        for index in stride(from: at + count - 1, through: at, by: -1) {
            buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: left % 10)
            left /= 10
        }
        buffer[at + count] = UInt8(ascii: mark)
        at += count + 1
    }
}
