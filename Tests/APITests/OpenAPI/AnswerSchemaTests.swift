import Bytes
import NIOHTTP1
import Support
import Testing

/// A check that never found a planted flaw proves nothing.
@Suite("Answers held against the document")
struct AnswerSchemaTests {
    private let schemas = AnswerSchemas([
        "paths": [
            "/jobs/{job}": [
                "get": [
                    "responses": [
                        "200": ["content": ["application/json": ["schema": ["$ref": "#/components/schemas/Job"]]]],
                        "304": ["description": "x"],
                        "404": [
                            "content": ["application/json": ["schema": ["type": "object", "required": ["error"]]]]
                        ],
                    ]
                ]
            ],
            "/jobs/all": ["get": ["responses": ["204": ["description": "x"]]]],
        ],
        "components": [
            "schemas": [
                "Job": [
                    "type": "object", "required": ["id", "n"],
                    "properties": [
                        "id": ["type": "string", "minLength": 2, "maxLength": 3, "pattern": "^[a-z]+$"],
                        "n": ["anyOf": [["type": "integer", "minimum": 1, "maximum": 5], ["type": "null"]]],
                        "at": ["type": "string", "format": "date-time"],
                        "state": ["type": "string", "enum": ["a", "b"]],
                        "ok": ["const": true], "list": ["type": "array", "maxItems": 2, "items": ["type": "number"]],
                        "free": ["type": "object"], "flag": ["type": "boolean"],
                    ],
                ]
            ]
        ],
    ])

    private func flaw(_ status: Int, _ body: String, path: String = "/jobs/1") -> String? {
        let reply = PlaneReply(status: status, headers: [:], body: Array(body.utf8))
        return schemas.flaw(of: reply, "GET", path)
    }

    @Test(
        "are in order when they are as documented",
        arguments: [
            #"{"id":"ab","n":null}"#, #"{"id":"abc","n":5,"at":"2026-01-01T00:00:00Z","state":"b","ok":true}"#,
            #"{"id":"ab","n":1,"list":[1,2.5],"free":{"x":[]},"flag":false}"#,
        ])
    func good(_ body: String) {
        #expect(flaw(200, body) == nil)
    }

    @Test(
        "are not when anything is amiss",
        arguments: [
            "[]", "{}", #"{"id":"ab"}"#, #"{"id":"a","n":1}"#, #"{"id":"abcd","n":1}"#, #"{"id":"AB","n":1}"#,
            #"{"id":1,"n":1}"#, #"{"id":"ab","n":0}"#, #"{"id":"ab","n":6}"#, #"{"id":"ab","n":1.5}"#,
            #"{"id":"ab","n":"1"}"#, #"{"id":"ab","n":1,"at":"yesterday"}"#, #"{"id":"ab","n":1,"state":"c"}"#,
            #"{"id":"ab","n":1,"ok":false}"#, #"{"id":"ab","n":1,"list":[1,2,3]}"#, #"{"id":"ab","n":1,"list":["1"]}"#,
            #"{"id":"ab","n":1,"list":{}}"#, #"{"id":"ab","n":1,"free":[]}"#, #"{"id":"ab","n":1,"flag":0}"#,
            #"{"id":"ab","n":1,"surprise":1}"#, #"{"id":null,"n":1}"#, "not JSON",
        ])
    func bad(_ body: String) {
        #expect(flaw(200, body) != nil)
    }

    @Test("have the statuses that are documented, and literal paths go before names")
    func statuses() {
        let job = #"{"id":"ab","n":1}"#
        #expect(flaw(201, job) != nil)
        #expect(flaw(404, #"{"error":1}"#) == nil)
        #expect(flaw(404, "{}") != nil)
        #expect(flaw(304, "") == nil)
        #expect(flaw(204, "", path: "/jobs/all") == nil)
        #expect(flaw(200, job, path: "/jobs/all") != nil)
    }
}
