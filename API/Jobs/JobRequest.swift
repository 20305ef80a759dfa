internal import Bytes
internal import Domain
internal import Store

/// What a request for a job asks, read and checked; its inputs' contents apart.
struct JobRequest {
    var job: NewJob
    /// Contents that came with the request: to be stored before the job.
    var contents: [[UInt8]]
    /// Inputs that name content stored earlier: to be found before the job is accepted.
    var references: [JobInput.Reference]

    static let commandCount = 1...1_000

    init(_ fields: Fields, owner: OwnerID) throws {
        var fields = fields
        let title = try Self.trimmed(&fields, "title", 1...255)
        let description = try fields.optionalString("description")
        if let description, description.unicodeScalars.count > 1_024 {
            throw fields.error("description", .outOfRange("at most 1024 characters"))
        }
        let command = try Self.command(&fields)
        let type = try fields.optionalString("type") ?? (command == nil ? "manual" : "compute")
        guard let kind = Kind(rawValue: type), kind == .compute || kind == .manual else {
            throw fields.error("type", .invalid("must be compute or manual"))
        }
        guard (kind == .compute) == (command != nil) else {
            throw fields.error(
                "command", .invalid(kind == .compute ? "is required for a compute job" : "is for compute jobs only"))
        }
        let environment = try Self.environment(&fields)
        let stdin = try fields.optionalString("stdin")
        let (inputs, contents) = try Self.inputs(&fields)
        self.contents = contents
        references = inputs.enumerated().compactMap { index, input in
            if case .content = input.source { return nil }
            return JobInput.Reference(field: fields.name("inputs") + "[\(index)].artifact", source: input.source)
        }
        let outputs = try Self.paths(&fields, "outputs")
        var need = try Self.requirement(&fields, kind: kind)
        let maxPrice = try Self.price(&fields)
        need.maxHourlyPrice = Self.hourly(maxPrice, minutes: need.minutes)
        let maxAttempts = try fields.int("max_attempts", in: 1...100, default: 3)
        let backoff = try Self.backoff(&fields)
        let runAt = try Self.instant(&fields, "run_at")
        let dependsOn = try Self.dependencies(&fields)
        try fields.end()
        let spec = JobSpec(
            description: description, command: command, environment: environment, stdin: stdin, inputs: inputs,
            outputs: outputs)
        job = NewJob(owner: owner, title: title, requirement: need, spec: spec.text)
        job.maxAttempts = Int64(maxAttempts)
        job.backoff = backoff
        job.runAt = runAt
        job.dependsOn = dependsOn
        job.maxPrice = maxPrice
    }

    private static func trimmed(
        _ fields: inout Fields, _ key: String, _ lengths: ClosedRange<Int>
    ) throws(FieldError) -> String {
        let text = try fields.string(key)
        let trimmed = text.trimmed
        guard lengths.contains(trimmed.unicodeScalars.count) else {
            let problem = trimmed.isEmpty ? "must not be blank" : "must be at most \(lengths.upperBound) characters"
            throw fields.error(key, .invalid(problem))
        }
        return trimmed
    }

    private static func command(_ fields: inout Fields) throws(FieldError) -> [String]? {
        guard let value = fields.optionalRaw("command"), !value.isNull else { return nil }
        if let line = value.string {
            guard !line.trimmed.isEmpty else { throw fields.error("command", .invalid("must not be blank")) }
            return ["/bin/sh", "-c", line]
        }
        guard let words = value.array?.compactMap(\.string), words.count == value.array?.count else {
            throw fields.error("command", .wrongType(expected: "a string or an array of strings"))
        }
        guard commandCount.contains(words.count), let program = words.first, !program.isEmpty else {
            throw fields.error("command", .outOfRange("1 to 1000 words, the first not empty"))
        }
        return words
    }

    private static func environment(_ fields: inout Fields) throws(FieldError) -> [JSON.Member] {
        guard let value = fields.optionalRaw("env"), !value.isNull else { return [] }
        guard let members = value.members else { throw fields.error("env", .wrongType(expected: "an object")) }
        guard members.count <= 256 else { throw fields.error("env", .outOfRange("at most 256 variables")) }
        for member in members {
            guard member.value.string != nil else {
                throw fields.error("env." + member.key, .wrongType(expected: "a string"))
            }
            guard member.key.utf8.count <= 128, member.key.isVariableName else {
                throw fields.error("env." + member.key, .invalid("is not a name of letters, digits and _"))
            }
        }
        return members
    }

    private static func requirement(_ fields: inout Fields, kind: Kind) throws(FieldError) -> Requirement {
        var need = Requirement(kind: kind)
        if let queue = try fields.optionalString("queue") {
            guard (1...64).contains(queue.utf8.count), queue.isWord else {
                throw fields.error("queue", .invalid("must be 1 to 64 of letters, digits, '.', '_', '-', ':'"))
            }
            need.queue = queue
        }
        need.priority = Int64(try fields.int("priority", in: 0...9, default: 5))
        need.minutes = Int64(try fields.int("duration_minutes", in: 1...1_440, default: 10))
        if let word = try fields.optionalString("isolation") {
            guard let isolation = Isolation(rawValue: word) else {
                throw fields.error("isolation", .invalid("must be none, sandbox or vm"))
            }
            need.isolation = isolation
        }
        guard var resources = try fields.optionalObject("resources") else { return need }
        need.milliCores = Int64(try resources.double("cpu_cores", in: 0...4_096, default: 0) * 1_000)
        need.memoryMiB = Int64(
            try resources.double("memory_gb", in: 0...65_536, default: 0) * 1_000_000_000 / 1_048_576)
        need.gpus = Int64(try resources.int("gpu", in: 0...1_024, default: 0))
        let labels = try resources.strings("labels", default: [])
        guard labels.count <= 64, labels.allSatisfy({ (1...64).contains($0.utf8.count) && $0.isWord }) else {
            throw resources.error("labels", .invalid("must be at most 64 words of 1 to 64 characters"))
        }
        need.labels = Set(labels).sorted()
        try resources.end()
        return need
    }

    private static func price(_ fields: inout Fields) throws(FieldError) -> Int64? {
        guard let value = fields.optionalRaw("max_price_usdt"), !value.isNull else { return nil }
        let text: String? =
            switch value {
            case .number(let token): token
            case .string(let text): text
            default: nil
            }
        guard let units = text.flatMap({ Money.minorUnits($0) }) else {
            throw fields.error("max_price_usdt", .invalid("must be a decimal of at most 6 places, as 1.25 or \"1.25\""))
        }
        return units
    }

    /// The dearest machine that the price can pay for the whole run limit, as classes keep it. Without a price: none
    /// but those that ask for nothing.
    private static func hourly(_ price: Int64?, minutes: Int64) -> Int64 {
        Requirement.coarse((price ?? 0) * 60 / max(1, minutes))
    }

    private static func backoff(_ fields: inout Fields) throws(FieldError) -> Backoff {
        guard var object = try fields.optionalObject("backoff") else { return .standard }
        let initial = try object.int("initial_ms", in: 0...86_400_000, default: 1_000)
        let factor = try object.double("factor", in: 1...10, default: 2)
        let most = try object.int("max_ms", in: 0...86_400_000, default: 300_000)
        try object.end()
        return Backoff(initial: Int64(initial), factor: Int64(factor * 1_000), max: Int64(most))
    }

    private static func instant(_ fields: inout Fields, _ key: String) throws(FieldError) -> Int64? {
        guard let text = try fields.optionalString(key) else { return nil }
        guard let instant = RFC3339.parse(text) else {
            throw fields.error(key, .invalid("must be an RFC 3339 instant, as 2026-01-31T12:00:00Z"))
        }
        return instant
    }

    private static func dependencies(_ fields: inout Fields) throws(FieldError) -> [JobID] {
        let texts = try fields.strings("depends_on", default: [])
        guard texts.count <= 100 else { throw fields.error("depends_on", .outOfRange("at most 100 jobs")) }
        guard texts.allSatisfy({ UUIDv7.isUUID($0) }) else {
            throw fields.error("depends_on", .invalid("must be ids of jobs"))
        }
        return Set(texts.map { $0.lowercased() }).sorted().map { JobID($0) }
    }
}
