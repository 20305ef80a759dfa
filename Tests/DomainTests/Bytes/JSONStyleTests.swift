import Bytes
import Testing

@Suite("JSON is written in three styles")
struct JSONStyleTests {
    /// The right side is what Python 3's `json.dumps(json.loads(left), sort_keys=True)` printed; the numbers that
    /// Python would write otherwise (`0.70`) keep their token.
    @Test(
        "canonical is Python's sorted dump",
        arguments: [
            (
                #"{"b":1,"a":{"é":"😀","z":[1,2,[]],"A":{}},"":null}"#,
                #"{"": null, "a": {"A": {}, "z": [1, 2, []], "\u00e9": "\ud83d\ude00"}, "b": 1}"#
            ),
            (
                #""\u0001\u001f\u007f\u0080\u2028\"\\\/\b\f\n\r\t""#,
                #""\u0001\u001f\u007f\u0080\u2028\"\\/\b\f\n\r\t""#
            ),
            (
                #"{"\ud83d\ude00":1,"\uffff":2,"z":3,"Z":4,"é":5,"10":6,"9":7}"#,
                #"{"10": 6, "9": 7, "Z": 4, "z": 3, "\u00e9": 5, "\uffff": 2, "\ud83d\ude00": 1}"#
            ),
            (#"{"c":0.70,"a":1e-05,"b":[true,false,null]}"#, #"{"a": 1e-05, "b": [true, false, null], "c": 0.70}"#),
            (#"{"n":{"m":{"l":[{"k":"<>&"}]}}}"#, #"{"n": {"m": {"l": [{"k": "<>&"}]}}}"#),
            (#""(◉‿◉)""#, #""(\u25c9\u203f\u25c9)""#), ("[ ]", "[]"), ("{ }", "{}"), ("[[],{}]", "[[], {}]"),
            (#"["https:\/\/a\/b"]"#, #"["https://a/b"]"#), ("[1.0,1e+16,-0]", "[1.0, 1e+16, -0]"),
        ])
    func canonical(text: String, expected: String) throws {
        #expect(try JSON(parsing: text).text(.canonical) == expected)
    }

    @Test(
        "sorted compact is Go's",
        arguments: [
            (#"{"b":1,"a":[1, 2]}"#, #"{"a":[1,2],"b":1}"#),
            (#"{"<&>":"a<b>&c"}"#, #"{"\u003c\u0026\u003e":"a\u003cb\u003e\u0026c"}"#),
            ("[\"\u{2028}\u{2029}‧é😀\u{7F}\"]", "[\"\\u2028\\u2029‧é😀\u{7F}\"]"),
            (#"["\b\f\n\r\t\u0001\"\\"]"#, #"["\b\f\n\r\t\u0001\"\\"]"#),
            (
                #"{"max_cpu_percent":80,"timezone":"UTC","allowed_hours":[]}"#,
                #"{"allowed_hours":[],"max_cpu_percent":80,"timezone":"UTC"}"#
            ),
        ])
    func sortedCompact(text: String, expected: String) throws {
        #expect(try JSON(parsing: text).text(.sortedCompact) == expected)
    }

    @Test(
        "compact is JavaScript's",
        arguments: [
            (#"{ "b": 1, "a": [1, 2] }"#, #"{"b":1,"a":[1,2]}"#),
            ("[\"<é😀\u{2028}\u{7F}\\/\\u0001\\u00e9\"]", "[\"<é😀\u{2028}\u{7F}/\\u0001é\"]"),
            (#"[0.70,1E5]"#, "[0.70,1E5]"),
        ])
    func compact(text: String, expected: String) throws {
        #expect(try JSON(parsing: text).text() == expected)
    }

    @Test("values made here are written as Python writes them")
    func ownNumbers() {
        #expect(JSON(0.7).text() == "0.7")
        #expect(JSON(0.00001).text() == "1e-05")
        #expect(JSON(1e16).text() == "1e+16")
        #expect(JSON(1.0).text() == "1.0")
        #expect(JSON(Int64.min).text() == "-9223372036854775808")
    }
}

@Suite("JSON is written as a stream")
struct JSONWriterTests {
    @Test("the writer puts commas where they belong")
    func commas() {
        var writer = JSONWriter(capacity: -1)
        writer.beginObject()
        writer.field("id", "a\"b")
        writer.field("none", nil as String?)
        writer.field("n", Int64.min)
        writer.field("small", 5)
        writer.field("ok", true)
        writer.field("any", ["x": [1, .null]])
        writer.key("list")
        writer.beginArray()
        writer.string("é\n")
        writer.int(1)
        writer.double(0.5)
        writer.double(.nan)
        writer.bool(false)
        writer.null()
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.raw("[0.70]")
        writer.endArray()
        writer.key("last")
        writer.raw(Array("{}".utf8))
        writer.endObject()
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"id":"a\"b","none":null,"n":-9223372036854775808,"small":5,"ok":true,"#
                + #""any":{"x":[1,null]},"list":["é\n",1,0.5,null,false,null,{},[],[0.70]],"last":{}}"#)
    }
}

@Suite("The bytes a client signed are found as it sent them")
struct RawJSONTests {
    @Test(
        "a member's value is cut out without the white space around it",
        arguments: [
            (#"{"payload": {"face":"(◉‿◉)", "n": 0.70} , "x":1}"#, #"{"face":"(◉‿◉)", "n": 0.70}"#),
            (" \n{\"x\":{\"payload\":1},\"payload\"\t:\r1e-05\n}\n", "1e-05"),
            (#"{"p\u0061yload":"\u00e9"}"#, #""\u00e9""#), (#"{"payload":null}"#, "null"),
        ])
    func found(text: String, expected: String) {
        let slice = RawJSON.slice(ofTopLevelKey: "payload", in: Array(text.utf8))
        #expect(slice.map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test(
        "there is none in a document that is invalid, no object, or without the key",
        arguments: [
            "", "[]", "{}", #"{"x":{"payload":1}}"#, #"{"payload":1"#, #"{"payload":1,"payload":2}"#,
            #"{"payload":1} x"#, #"{"payload":1,"x":[}"#, #"[{"payload":1}]"#,
        ])
    func missing(text: String) {
        #expect(RawJSON.slice(ofTopLevelKey: "payload", in: Array(text.utf8)) == nil)
    }
}
