import Bytes
import Testing

@Suite("An object is taken apart field by field")
struct FieldsTests {
    private func fields(_ text: String) throws -> Fields {
        try Fields(JSON(parsing: text))
    }

    @Test("required, optional and defaulted fields of every type")
    func everyType() throws {
        var fields = try fields(
            #"""
            {"s":"a","i":-1,"d":0.5,"b":true,"l":["x","y"],"a":[1,null],"o":{"x":1},"os":[{"x":1}],
             "n":null,"r":null}
            """#)
        #expect(try fields.string("s") == "a")
        #expect(try fields.int("i") == -1)
        #expect(try fields.double("d") == 0.5)
        #expect(try fields.bool("b"))
        #expect(try fields.strings("l") == ["x", "y"])
        #expect(try fields.array("a") == [1, .null])
        var object = try fields.object("o")
        #expect(try object.double("x", in: 0...1) == 1)
        try object.end()
        #expect(try fields.objects("os").count == 1)
        #expect(try fields.raw("r") == .null)
        #expect(try fields.optionalString("n") == nil)
        #expect(try fields.string("absent", default: "z") == "z")
        #expect(try fields.int("absent", in: 1...9, default: 5) == 5)
        #expect(try fields.double("n", default: 1) == 1)
        #expect(try fields.bool("n", default: true))
        #expect(try fields.strings("n", default: ["k"]) == ["k"])
        #expect(try fields.optionalObject("n") == nil)
        #expect(try fields.optionalObjects("absent") == nil)
        #expect(fields.optionalRaw("absent") == nil)
        #expect(fields.has("n") && !fields.has("absent"))
        try fields.end()
    }

    @Test("a field nobody asked for is named, and so is one inside")
    func unknown() throws {
        var fields = try fields(#"{"a":1,"surprise":2,"o":{"x":1}}"#)
        _ = try fields.int("a")
        let inner = try fields.object("o")
        expect("unknown field: surprise") { () throws(FieldError) in try fields.end() }
        expect("unknown field: o.x") { () throws(FieldError) in try inner.end() }
    }

    @Test("the name of an unknown field is cut, so that an error stays short")
    func longName() throws {
        let name = String(repeating: "e\u{301}", count: 10_000)
        let error = #expect(throws: FieldError.self) { try self.fields("{\"\(name)\":1}").end() }
        #expect(error?.field.unicodeScalars.count == 64)
    }

    @Test("every problem has its sentence")
    func messages() throws {
        var fields = try fields(
            #"""
            {"s":1,"i":1.0,"big":99999999999999999999,"hi":101,"d":"1","inf":1e400,"b":0,"l":["a",2],"o":[],
             "os":[{},3]}
            """#)
        expect("title is required") { () throws(FieldError) in _ = try fields.string("title") }
        expect("command is required") { () throws(FieldError) in _ = try fields.strings("command") }
        expect("s must be a string") { () throws(FieldError) in _ = try fields.optionalString("s") }
        expect("i must be an integer, written without a decimal point or an exponent, not 1.0") {
            () throws(FieldError) in _ = try fields.int("i")
        }
        expect("big must be an integer") { () throws(FieldError) in _ = try fields.int("big") }
        expect("hi must be between 1 and 100") { () throws(FieldError) in _ = try fields.int("hi", in: 1...100) }
        expect("d must be a number") { () throws(FieldError) in _ = try fields.double("d") }
        expect("inf must be a number") { () throws(FieldError) in _ = try fields.double("inf") }
        expect("hi must be between 0.0 and 1.0") { () throws(FieldError) in _ = try fields.double("hi", in: 0...1) }
        expect("b must be a boolean") { () throws(FieldError) in _ = try fields.bool("b", default: true) }
        expect("l[1] must be a string") { () throws(FieldError) in _ = try fields.strings("l") }
        expect("o must be an object") { () throws(FieldError) in _ = try fields.object("o") }
        expect("os[1] must be an object") { () throws(FieldError) in _ = try fields.objects("os") }
        expect("s must be an array") { () throws(FieldError) in _ = try fields.array("s") }
        expect("the document must be an object") { () throws(FieldError) in _ = try Fields([]) }
        #expect(fields.error("title", .invalid("must not be blank")).message == "title must not be blank")
    }

    @Test("a nested path leads from the root")
    func paths() throws {
        var fields = try fields(#"{"inputs":[{"path":"a"},{"path":2}]}"#)
        var second = try fields.objects("inputs")[1]
        expect("inputs[1].path must be a string") { () throws(FieldError) in _ = try second.string("path") }
    }

    private func expect(
        _ message: String, location: SourceLocation = #_sourceLocation, _ body: () throws(FieldError) -> Void
    ) {
        do throws(FieldError) {
            try body()
            Issue.record("nothing was thrown", sourceLocation: location)
        } catch {
            #expect(error.message == message, sourceLocation: location)
        }
    }
}
