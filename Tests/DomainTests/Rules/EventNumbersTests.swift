import Domain
import Testing

@Suite("Numbers of events")
struct EventNumbersTests {
    @Test(
        "are read as they were written, in their order",
        arguments: [
            ([], ""), ([7], "7"), ([7, 8], "7-8"), ([7, 9], "7,9"), ([9, 8, 7], "9,8,7"),
            ([1, 2, 3, 99, 4, 5], "1-3,99,4-5"), ([.max - 1, .max], "9223372036854775806-9223372036854775807"),
            ([0], "0"),
        ] as [([Int64], String)])
    func written(_ numbers: [Int64], _ text: String) {
        #expect(EventNumbers(numbers).text == text)
        if !numbers.isEmpty { #expect(EventNumbers(text: text, most: 6)?.numbers == numbers) }
    }

    @Test(
        "what was not written so is refused, whatever it claims to be",
        arguments: [
            "", ",", "1,", ",1", "a", "1-", "-1", "3-1", "1-2-3", "1--2", " 1", "1.5", "99999999999999999999",
            "0-9223372036854775807", "1-7", "1-6,9", "1,2,3,4,5,6,7",
        ])
    func refused(_ text: String) {
        #expect(EventNumbers(text: text, most: 6) == nil)
    }
}
