import Bytes
import Domain
import Testing
import Wire

private func json(_ text: String) throws -> JSON {
    try JSON(parsing: text)
}

private func refusal(_ text: String, _ decode: (JSON) throws(FieldError) -> Void) throws -> FieldError? {
    do {
        try decode(json(text))
        return nil
    } catch let error as FieldError {
        return error
    }
}

@Suite("What goes over the wire")
struct WireTests {
    @Test(
        "a claim outside its bounds is refused by the field's name",
        arguments: [
            (#"{}"#, "limit"), (#"{"limit":0}"#, "limit"), (#"{"limit":101}"#, "limit"), (#"{"limit":"1"}"#, "limit"),
            (#"{"limit":1.0}"#, "limit"), (#"{"limit":1e2}"#, "limit"), (#"{"limit":99999999999999999999}"#, "limit"),
            (#"{"limit":1,"wait_ms":20001}"#, "wait_ms"), (#"{"limit":1,"wait_ms":-1}"#, "wait_ms"),
            (#"{"limit":1,"visibility_timeout_ms":999}"#, "visibility_timeout_ms"),
            (#"{"limit":1,"visibility_timeout_ms":43200001}"#, "visibility_timeout_ms"),
            (#"{"limit":1,"kinds":"compute"}"#, "kinds"), (#"{"limit":1,"kinds":["a",1]}"#, "kinds[1]"),
            (#"{"limit":1,"kinds":[""]}"#, "kinds[0]"), (#"{"limit":1,"queues":{}}"#, "queues"),
            (#"{"limit":1,"capacity":[]}"#, "capacity"),
            (#"{"limit":1,"capacity":{"cpu_cores":-1}}"#, "capacity.cpu_cores"),
            (#"{"limit":1,"capacity":{"memory_gb":1e400}}"#, "capacity.memory_gb"),
            (#"{"limit":1,"capacity":{"gpu":1.5}}"#, "capacity.gpu"),
            (#"{"limit":1,"capacity":{"labels":[null]}}"#, "capacity.labels[0]"),
            (#"{"limit":1,"capacity":{"isolation":"jail"}}"#, "capacity.isolation"),
            (#"{"limit":1,"capacity":{"disk":1}}"#, "capacity.disk"),
            (#"{"limit":1,"request_id":""}"#, "request_id"), (#"{"limit":1,"surprise":1}"#, "surprise"),
            (#"[]"#, ""), (#"null"#, ""),
        ])
    func claimBounds(text: String, field: String) throws {
        #expect(try refusal(text) { body throws(FieldError) in _ = try ClaimRequest(body) }?.field == field)
    }

    @Test("a claim with all its fields, and with the least")
    func claim() throws {
        let whole = ClaimRequest(
            limit: 100, visibilityTimeoutMilliseconds: 43_200_000, waitMilliseconds: 20_000, kinds: [.compute],
            queues: ["default", "ü"],
            capacity: Capacity(cpuCores: 1.5, memoryGB: 4, gpus: 1, labels: ["ssd"], isolation: .vm), requestID: "r")
        #expect(try ClaimRequest(whole.json) == whole)
        #expect(try ClaimRequest(json(#"{"limit":1,"kinds":null,"capacity":null}"#)) == ClaimRequest(limit: 1))
    }

    @Test(
        "a result outside its bounds is refused by the field's name",
        arguments: [
            (#""claim_token":7"#, "claim_token"), (#""claim_token":"t","status":"ok""#, "status"),
            (#""claim_token":"t","status":"SUCCESS""#, "status"),
            (#""claim_token":"t","status":"success","exit_code":2147483648"#, "exit_code"),
            (#""claim_token":"t","status":"success","exit_code":true"#, "exit_code"),
            (#""claim_token":"t","status":"success","report":[1]"#, "report"),
            (#""claim_token":"t","status":"success","executed_at":"yesterday","duration_ms":1"#, "executed_at"),
            (#""claim_token":"t","status":"success","executed_at":"2026-01-01T00:00:00Z""#, "duration_ms"),
            (
                #""claim_token":"t","status":"success","executed_at":"2026-01-01T00:00:00Z","duration_ms":-1"#,
                "duration_ms"
            ),
            (
                #""claim_token":"t","status":"failure","executed_at":"2026-01-01T00:00:00Z","duration_ms":1,"job":1"#,
                "job"
            ),
        ])
    func resultBounds(members: String, field: String) throws {
        #expect(try refusal("{\(members)}") { body throws(FieldError) in _ = try ResultReport(body) }?.field == field)
    }

    @Test("lengths count bytes, and end at their limits")
    func lengths() throws {
        let most = String(repeating: "é", count: 1 << 19)
        var report = ResultReport(
            claimToken: "t", status: .failure, exitCode: -1, output: most, executedAt: 1_000, durationMilliseconds: 5)
        #expect(try ResultReport(report.json) == report)
        report.output = most + "x"
        #expect(throws: FieldError.self) { try ResultReport(report.json) }
        let longest = RawText(String(repeating: "l", count: 262_144))
        var progress = ProgressReport(claimToken: "t", percent: 100, log: longest)
        #expect(try ProgressReport(progress.json) == progress)
        progress.log = RawText(String(repeating: "l", count: 262_145))
        #expect(throws: FieldError.self) { try ProgressReport(progress.json) }
        #expect(throws: FieldError.self) { try ProgressReport(json(#"{"claim_token":"t","percent":100.1}"#)) }
        let piece = ProgressReport(claimToken: "t", log: "l", logOffset: 7)
        #expect(piece.json["log_offset"] == 7)
        #expect(try ProgressReport(piece.json) == piece)
        let noise = ProgressReport(claimToken: "t", log: RawText([0xFF] + [UInt8](repeating: 0x61, count: 262_143)))
        #expect(noise.json["log"] == nil && noise.json["log_base64"] != nil)
        #expect(try ProgressReport(noise.json) == noise)
        for fault in [#""log_base64":"?""#, #""log":"l","log_base64":"bA==""#] {
            #expect(throws: FieldError.self) { try ProgressReport(json(#"{"claim_token":"t",\#(fault)}"#)) }
        }
        for offset in ["-1", "0.5", "1099511627777"] {
            let body = #"{"claim_token":"t","log_offset":\#(offset)}"#
            #expect(throws: FieldError.self) { try ProgressReport(json(body)) }
        }
    }

    @Test("a release says that the work was lost, and only when it was")
    func release() throws {
        let lost = ReleaseRequest(claimToken: "t", reason: "killed", isLost: true)
        #expect(lost.json["lost"] == true)
        #expect(try ReleaseRequest(lost.json) == lost)
        let free = ReleaseRequest(claimToken: "t")
        #expect(free.json == ["claim_token": "t"])
        #expect(try ReleaseRequest(free.json) == free)
        #expect(throws: FieldError.self) { try ReleaseRequest(json(#"{"claim_token":"t","lost":"yes"}"#)) }
    }

    @Test("a zero byte never gets as far as a field")
    func zero() {
        #expect(throws: JSONError.self) { try json(#"{"claim_token":"a\u0000b"}"#) }
    }

    @Test("a batch names the item that is wrong, and has its own limits")
    func batches() throws {
        func refused(_ leases: String) throws -> String? {
            try refusal(#"{"leases":[\#(leases)]}"#) { body throws(FieldError) in _ = try ExtendBatch(body) }?.field
        }
        let good = #"{"job_id":"a","claim_token":"t","extension_ms":1000}"#
        #expect(try refused(good) == nil)
        #expect(try refused(good + #",{"job_id":"b","extension_ms":1000}"#) == "leases[1].claim_token")
        #expect(try refused("") == "leases")
        let result = ResultReport(
            jobID: "a", claimToken: "t", status: .success, executedAt: 0, durationMilliseconds: 0)
        let full = ResultsBatch(results: Array(repeating: result, count: 100))
        #expect(try ResultsBatch(full.json) == full)
        #expect(throws: FieldError.self) { try ResultsBatch(ResultsBatch(results: full.results + [result]).json) }
    }

    @Test("what a result paid is read where the server says it")
    func paid() throws {
        let told = ResultStatus(jobID: "a", isAccepted: true, paidUSDT: "0.0125")
        let silent = ResultStatus(jobID: "b", isAccepted: true)
        let reply = ResultsReply(results: [told, silent])
        #expect(try ResultsReply(reply.json) == reply)
        #expect(reply.json["results"]?.array?.map { $0["paid_usdt"]?.string } == ["0.0125", nil])
        let newer = try json(
            #"{"results":[{"job_id":"a","accepted":true,"status":"completed","attempt":1,"fence":1,"paid_usdt":"7"}]}"#)
        #expect(try ResultsReply(newer).results.map(\.paidUSDT) == ["7"])
        #expect(throws: FieldError.self) {
            try ResultsReply(json(#"{"results":[{"job_id":"a","accepted":true,"paid_usdt":7}]}"#))
        }
    }

    @Test("a claimed job survives the way there and back, and a newer server's fields")
    func claimedJob() throws {
        let job = ClaimedJob(
            id: "j", claimToken: "t", fence: .max, attempt: 2, visibleUntil: 1_790_000_000_123,
            visibilityTimeoutMilliseconds: 60_000, leaseEnds: 1_790_000_000_000, durationMinutes: 3, isolation: .none,
            network: true, title: "T", command: ["/bin/sh", "-c", "echo \"x\""],
            environment: [.init("B", "2"), .init("A", "")], stdin: "in\n",
            inputs: [.init(path: "a/b.txt", size: 3, sha256: "00")], outputs: ["out.txt"],
            resources: Capacity(cpuCores: 0.5, memoryGB: 0.25))
        #expect(try ClaimedJob(job.json) == job)
        let members = try #require(job.json.members) + [.init("vintage", 1)]
        #expect(try ClaimedJob(.object(members)) == job)
        var writer = JSONWriter()
        ClaimReply(jobs: [job, job]).write(to: &writer)
        #expect(try ClaimReply(JSON(parsing: writer.bytes)).jobs == [job, job])
    }

    @Test("a heartbeat's signature is HMAC-SHA256 over worker, timestamp, nonce and policy, in base64")
    func heartbeat() throws {
        let sentAt = try #require(RFC3339.parse("2026-11-21T07:38:44.123Z"))
        let request = HeartbeatRequest(
            workerID: "wrk_0011223344556677", machineToken: "0123456789abcdef0123456789abcdef0123456789abcdef",
            sentAt: sentAt, nonce: "00ff00ff00ff00ff", policyID: "pol_8899aabbccddeeff",
            metrics: [:])
        #expect(request.signature == "kNtBIZ+K1ETb1Ijp9oE3jFICPVAFJVCDExFUdR76z9w=")
        #expect(try HeartbeatRequest(request.json) == request)
        #expect(
            try refusal(#"{"timestamp":"t","nonce":"n","policy_id":"p","metrics":3,"signature":"s"}"#) {
                body throws(FieldError) in _ = try HeartbeatRequest(body)
            }?.field == "metrics")
    }

    @Test("an owner signs the rules' very bytes, and the three ids of a consent")
    func ownerSignatures() {
        let rules = Array(#"{"max_cpu_percent":50}"#.utf8)
        #expect(
            SignedMessage.policy(owner: "own_1", rules: rules).signature(key: "hf_key")
                == "0iMy1nr8WAezh9ZOxJxmicgz7bpbbd5JuO4gH1d0wUY=")
        let consent = SignedMessage.consent(owner: "own_1", worker: "wrk_1", policy: "pol_1")
        #expect(consent.signature(key: "hf_key") == "2HCsG7UhqV6vWIwV0/V+RVLZYkpIcj2e4+B///W4AzE=")
        #expect(consent.isSigned("2HCsG7UhqV6vWIwV0/V+RVLZYkpIcj2e4+B///W4AzE=", key: "hf_key"))
        #expect(!consent.isSigned("2HCsG7UhqV6vWIwV0/V+RVLZYkpIcj2e4+B///W4AzE=", key: "hf_other"))
        #expect(!consent.isSigned("0iMy1nr8WAezh9ZOxJxmicgz7bpbbd5JuO4gH1d0wUY=", key: "hf_key"))
        #expect(!consent.isSigned("no base64", key: "hf_key"))
    }

    @Test("a machine's price may be a number or a string")
    func price() throws {
        let number = try RegisterRequest(json(#"{"owner_id":"o","name":"n","price_usdt_per_hour":0.10}"#))
        let string = try RegisterRequest(json(#"{"owner_id":"o","name":"n","price_usdt_per_hour":"0.10"}"#))
        #expect(number == string)
        #expect(number.hourlyPrice == 100_000)
        for wrong in ["[]", "-1", "1e1", #""0.0000001""#] {
            #expect(throws: FieldError.self) {
                try RegisterRequest(json(#"{"owner_id":"o","name":"n","price_usdt_per_hour":\#(wrong)}"#))
            }
        }
    }
}
