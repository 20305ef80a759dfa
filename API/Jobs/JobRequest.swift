internal import Bytes
internal import Domain
internal import Store
internal import Wire

/// The bounds of a job (CONTRACT 4).
enum JobLimits {
    static let minutes = Format<Int64>.integer(WireLimits.jobMinutes)
    static let title = Format<String>.trimmed(1...255)
    static let path = Format<String>.checked(.string(1...512)) { text throws(FieldError) in
        guard text.isJobPath else { throw .invalid(String.jobPathRule) }
    }
    static let paths = Format<[String]>.array(path, 0...256)
}

/// What a request for a job asks, read and checked; its inputs' contents apart.
struct JobRequest: Sendable {
    /// Of nobody yet.
    var job: NewJob
    /// To be written into the job.
    var spec: JobSpec
    /// Contents that came with the request: to be stored before the job.
    var contents: [[UInt8]]
    /// Inputs that name content stored earlier: to be found before the job is accepted.
    var references: [JobInput.Reference]

    static let input = Input(
        JobWork.fields.then(JobNeeds.fields).then(JobPlan.fields).map { parts throws(FieldError) in
            let ((work, needs), plan) = parts
            return try JobRequest(work, needs, plan)
        }
    )
    .named("JobRequest")

    private init(_ work: JobWork, _ needs: JobNeeds, _ plan: JobPlan) throws(FieldError) {
        let kind = try work.kind()
        var need = Requirement(kind: kind)
        needs.apply(to: &need)
        need.maxHourlyPrice = Self.hourly(plan.maxPrice, minutes: need.minutes)
        contents = work.inputs.compactMap(\.content)
        references = work.inputs.enumerated().compactMap { index, input in
            if case .content = input.input.source { return nil }
            return JobInput.Reference(field: "inputs[\(index)].artifact", source: input.input.source)
        }
        job = NewJob(owner: OwnerID(""), title: work.title, requirement: need, spec: "")
        spec = work.spec
        job.maxAttempts = plan.maxAttempts
        job.backoff = plan.backoff
        job.runAt = plan.runAt
        job.dependsOn = try Self.awaited(plan, work)
        for input in work.inputs {
            switch input.input.source {
            case .content(let hash, _): job.sources.contents.append(hash)
            case .upload(let hash): job.sources.uploads.append(hash)
            case .output(let source, _): job.sources.jobs.append(source.text)
            }
        }
        job.maxPrice = plan.maxPrice
    }

    /// A job waits for those that it is given a file of, too.
    private static func awaited(_ plan: JobPlan, _ work: JobWork) throws(FieldError) -> [JobID] {
        var jobs = Set(plan.dependsOn)
        for given in work.inputs {
            if case .output(let job, _) = given.input.source { jobs.insert(job) }
        }
        guard jobs.count <= JobPlan.mostAwaited else {
            throw FieldError(
                "depends_on", .outOfRange("at most \(JobPlan.mostAwaited) jobs, with those whose files are inputs"))
        }
        return jobs.sorted()
    }

    /// The same as a part of a batch, for errors.
    func placed(at path: String) -> JobRequest {
        var copy = self
        copy.references = references.map { .init(field: "\(path).\($0.field)", source: $0.source) }
        return copy
    }

    /// The dearest machine that the price can pay for the whole run limit, as classes keep it. Without a price: none
    /// but those that ask for nothing.
    private static func hourly(_ price: Int64?, minutes: Int64) -> Int64 {
        Requirement.coarse((price ?? 0) * 60 / max(1, minutes))
    }
}

/// What a job is to do.
private struct JobWork {
    let title: String
    let description: String?
    let type: Kind?
    let command: [String]?
    let environment: [JSON.Member]
    let stdin: StandardInput
    let inputs: [GivenInput]
    let outputs: [String]

    static let fields = InputFields {
        required("title", JobLimits.title)
        optional("description", .text(0...1_024))
        optional("type", .choice(of: [Kind.compute, .manual]), "`compute` with a command, else `manual`.")
        optional("command", .command, "Words of a command, or one line for /bin/sh -c.")
        optional("env", .environment, default: [])
        optional("inputs", .array(GivenInput.input, 0...256), default: [])
        optional("outputs", JobLimits.paths, default: [], "Files to keep.")
    }
    .then(StandardInput.fields)
    .map { parts throws(FieldError) in
        let ((title, description, type, command, environment, inputs, outputs), stdin) = parts
        try GivenInput.checkLayout(of: inputs)
        return JobWork(
            title: title, description: description, type: type, command: command, environment: environment,
            stdin: stdin, inputs: inputs, outputs: outputs)
    }

    var spec: JobSpec {
        var spec = JobSpec(
            description: description, command: command, environment: environment, stdin: stdin.text,
            inputs: inputs.map(\.input), outputs: outputs)
        spec.stdinBase64 = stdin.base64
        return spec
    }

    func kind() throws(FieldError) -> Kind {
        let kind = type ?? (command == nil ? .manual : .compute)
        guard (kind == .compute) == (command != nil) else {
            let rule = kind == .compute ? "is required for a compute job" : "is for compute jobs only"
            throw FieldError("command", .invalid(rule))
        }
        return kind
    }
}

/// What a command reads: as text where its bytes are UTF-8, which every daemon understands, else in base64.
private struct StandardInput {
    let text: String?
    let base64: String?

    static let fields = InputFields {
        optional("stdin", .string)
        optional("stdin_base64", .string, "Instead of `stdin`: any bytes.")
    }
    .map { text, base64 throws(FieldError) in try StandardInput(text, base64: base64) }

    private init(_ text: String?, base64: String?) throws(FieldError) {
        guard let base64 else {
            (self.text, self.base64) = (text, nil)
            return
        }
        guard text == nil else { throw FieldError("stdin_base64", .invalid("or stdin: only one of them may be given")) }
        guard let bytes = Base64.decode(base64) else {
            throw FieldError("stdin_base64", .invalid("is not standard base64"))
        }
        let decoded = RawText(bytes).exact
        (self.text, self.base64) = (decoded, decoded == nil ? base64 : nil)
    }
}

/// What a job needs of a machine.
private struct JobNeeds {
    let queue: String
    let priority: Int64
    let minutes: Int64
    let isolation: Isolation
    let resources: (Int64, Int64, Int64, [String])?

    static let fields = InputFields {
        optional("resources", resources)
        optional("duration_minutes", JobLimits.minutes, default: 10, "The run limit.")
        optional("queue", .word(1...64), default: "default")
        optional("priority", .integer(0...9), default: 5, "Higher first.")
        optional("isolation", .choice, default: Isolation.sandbox)
    }
    .map { resources, minutes, queue, priority, isolation in
        JobNeeds(queue: queue, priority: priority, minutes: minutes, isolation: isolation, resources: resources)
    }

    private static let resources = Input {
        optional("cpu_cores", .cores, default: 0)
        optional("memory_gb", .gigabytes, default: 0)
        optional("gpu", .integer(0...1_024), default: 0)
        optional("labels", .array(.word(WireLimits.labelCharacters), WireLimits.namesInList), default: [])
    }

    func apply(to need: inout Requirement) {
        need.queue = queue
        need.priority = priority
        need.minutes = minutes
        need.isolation = isolation
        guard let (cores, memory, gpus, labels) = resources else { return }
        need.milliCores = cores
        need.memoryMiB = memory
        need.gpus = gpus
        need.labels = Set(labels).sorted()
    }
}

/// When and how often a job is tried, and what it may cost.
private struct JobPlan {
    let maxPrice: Int64?
    let maxAttempts: Int64
    let backoff: Backoff
    let runAt: Int64?
    let dependsOn: [JobID]

    /// How many jobs one may depend on, those that it is given files of included.
    static let mostAwaited = 100

    static let fields = InputFields {
        optional("max_price_usdt", .amount(of: .usdt, minimum: 0))
        optional("max_attempts", .integer(1...100), default: 3)
        optional("backoff", backoffFields, default: Backoff.standard)
        optional("run_at", .instant)
        optional("depends_on", .array(.uuid, 0...mostAwaited), default: [], "Ids of jobs.")
    }
    .map { maxPrice, maxAttempts, backoff, runAt, dependsOn in
        JobPlan(
            maxPrice: maxPrice, maxAttempts: maxAttempts, backoff: backoff, runAt: runAt,
            dependsOn: Set(dependsOn.map { $0.lowercased() }).sorted().map { JobID($0) })
    }

    private static let backoffFields = Input {
        optional("initial_ms", .integer(0...86_400_000), default: 1_000)
        optional("factor", .number(1...10), default: 2)
        optional("max_ms", .integer(0...86_400_000), default: 300_000)
    }
    .map { initial, factor, max in Backoff(initial: initial, factor: Int64(factor * 1_000), max: max) }
}

/// A file that a request gives to a job, with its content if that came along.
private struct GivenInput {
    let input: JobInput
    let content: [UInt8]?

    /// By the rule that the worker has too.
    static func checkLayout(of inputs: [GivenInput]) throws(FieldError) {
        var layout = FileLayout()
        for (index, input) in inputs.enumerated() {
            do throws(FileLayout.Clash) {
                try layout.add(input.input.path)
            } catch {
                throw FieldError("inputs[\(index)].path", .invalid(error.rule))
            }
        }
    }

    static let input = Input {
        required("path", JobLimits.path)
        optional("content_base64", .string)
        optional(
            "artifact", .string, "`sha256:<hex>` of an upload, or `<job id>/<path>`, which also depends on that job.")
    }
    .map { path, base64, artifact throws(FieldError) in
        switch (base64, artifact) {
        case (let text?, nil):
            guard let bytes = Base64.decode(text) else {
                throw FieldError("content_base64", .invalid("is not standard base64"))
            }
            let source = JobInput.Source.content(hash: SHA256.hex(bytes), size: Int64(bytes.count))
            return GivenInput(input: JobInput(path: path, source: source), content: bytes)
        case (nil, let reference?):
            guard let source = JobInput.Source(reference) else {
                throw FieldError("artifact", .invalid("must be sha256:<64 hex> or <job id>/<path>"))
            }
            return GivenInput(input: JobInput(path: path, source: source), content: nil)
        default: throw FieldError("content_base64", .invalid("or artifact: exactly one of them is required"))
        }
    }
}
