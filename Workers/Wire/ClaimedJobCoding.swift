package import Bytes
internal import Domain

extension ClaimedJob {
    /// Ignores unknown fields: servers are updated before daemons.
    package init(_ fields: Fields) throws(FieldError) {
        var fields = fields
        var environment: [Variable] = []
        if let members = fields.optionalRaw("env")?.members {
            for member in members {
                guard let value = member.value.string else {
                    throw fields.error("env.\(member.key)", .wrongType(expected: "a string"))
                }
                environment.append(Variable(member.key, value))
            }
        }
        var inputs: [Input] = []
        for var input in try fields.optionalObjects("inputs") ?? [] {
            inputs.append(
                Input(
                    path: try input.string("path"), size: try input.int("size", in: 0...WireLimits.artifactBytes),
                    sha256: try input.string("sha256")))
        }
        var resources = Capacity()
        if var needs = try fields.optionalObject("resources") { resources = try Capacity(reading: &needs) }
        let audit = try fields.optionalObject("audit").map { value throws(FieldError) in try Audit(value) }
        self.init(
            id: try fields.identifier("id"), kind: try fields.string("kind"),
            queue: try fields.string("queue"), claimToken: try fields.text("claim_token", bytes: WireLimits.tokenBytes),
            fence: Int64(try fields.int("fence")), attempt: try fields.int("attempt"),
            visibleUntil: try fields.instant("visible_until"),
            visibilityTimeoutMilliseconds: try fields.int(
                "visibility_timeout_ms", in: WireLimits.visibilityMilliseconds),
            leaseEnds: try fields.instant("lease_ends"),
            durationMinutes: try fields.int("duration_minutes", in: WireLimits.policyMinutes, default: 10),
            isolation: try fields.choice("isolation", as: Isolation.self),
            network: try fields.bool("network", default: false), title: try fields.string("title", default: ""),
            command: try fields.strings("command", default: []), environment: environment,
            stdin: try fields.optionalString("stdin"), inputs: inputs,
            outputs: try fields.strings("outputs", default: []),
            resources: resources, trace: try fields.optionalString("traceparent").flatMap { TraceContext($0) },
            audit: audit)
        stdinBase64 = try fields.optionalString("stdin_base64")
        guard stdinBase64 == nil || stdinBase64.flatMap({ Base64.decode($0) }) != nil else {
            throw fields.error("stdin_base64", .invalid("is not standard base64"))
        }
    }

    package init(_ json: JSON) throws(FieldError) {
        try self.init(Fields(json))
    }

    package var json: JSON {
        var writer = JSONWriter(capacity: 512)
        write(to: &writer)
        return (try? JSON(parsing: writer.bytes)) ?? .null
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("id", id.text)
        writer.field("kind", kind)
        writer.field("queue", queue)
        writer.field("claim_token", claimToken)
        writer.field("fence", fence)
        writer.field("attempt", attempt)
        writer.field("visible_until", RFC3339.format(visibleUntil))
        writer.field("visibility_timeout_ms", visibilityTimeoutMilliseconds)
        writer.field("lease_ends", RFC3339.format(leaseEnds))
        writer.field("duration_minutes", durationMinutes)
        writer.field("isolation", isolation.rawValue)
        writer.field("network", network)
        writer.field("title", title)
        writer.field("command", list(command))
        writer.field("env", .object(environment.map { JSON.Member($0.name, .string($0.value)) }))
        writer.field("stdin", stdin)
        if let stdinBase64 { writer.field("stdin_base64", stdinBase64) }
        writer.field("inputs", .array(inputs.map(\.json)))
        writer.field("outputs", list(outputs))
        writer.field("resources", resources.json)
        if let trace { writer.field("traceparent", trace.traceparent) }
        if let audit { writer.field("audit", audit.json) }
        writer.endObject()
    }
}

extension ClaimedJob.Input {
    package var json: JSON {
        ["path": .string(path), "size": JSON(size), "sha256": .string(sha256)]
    }
}

extension ClaimedJob.Audit {
    /// Ignores unknown fields, as the job does.
    init(_ fields: Fields) throws(FieldError) {
        var fields = fields
        self.init(
            repoURL: try fields.text("repo_url", bytes: WireLimits.repositoryBytes),
            branch: try fields.optionalText("branch", bytes: WireLimits.branchBytes),
            tests: try fields.text("tests", bytes: WireLimits.testsBytes))
    }

    package var json: JSON {
        ["repo_url": .string(repoURL), "branch": branch.map(JSON.string) ?? .null, "tests": .string(tests)]
    }
}
