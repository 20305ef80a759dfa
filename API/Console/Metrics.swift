package import Bytes
package import Domain

/// One measured thing with its samples. One list of these is shown both as Prometheus text and as JSON.
package struct MetricFamily: Sendable {
    package enum Kind: String, Sendable { case counter, gauge, histogram }

    package struct Sample: Sendable {
        let labels: [(name: String, value: String)]
        let value: Value
    }

    package enum Value: Sendable {
        case number(Double)
        case whole(Int64)
        case spread(Distribution)
    }

    let name: String
    let help: String
    let kind: Kind
    private(set) var samples: [Sample] = []

    /// - Parameters:
    ///   - name: in Prometheus' manner, with its unit: `hatchfarm_http_request_seconds`.
    ///   - help: one line.
    package init(_ kind: Kind, _ name: String, _ help: String) {
        self.kind = kind
        self.name = name
        self.help = help
    }

    package mutating func add(_ value: Double, _ labels: (name: String, value: String)...) {
        samples.append(Sample(labels: labels, value: .number(value)))
    }

    package mutating func add(_ value: some BinaryInteger, _ labels: (name: String, value: String)...) {
        samples.append(Sample(labels: labels, value: .whole(Int64(clamping: value))))
    }

    package mutating func add(_ value: Distribution, _ labels: (name: String, value: String)...) {
        samples.append(Sample(labels: labels, value: .spread(value)))
    }
}

/// All that is measured, at one moment.
package struct MetricSnapshot: Sendable {
    package let families: [MetricFamily]

    package init(_ families: [MetricFamily]) { self.families = families }

    /// Text exposition format 0.0.4.
    package func prometheus() -> String {
        var text = ""
        for family in families {
            text += "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples { Self.append(sample, of: family.name, to: &text) }
        }
        return text
    }

    /// `{"metrics":[{name, type, help, samples:[{labels, value | count, sum, buckets}]}]}`
    package func json() -> JSON {
        [
            "metrics": .array(
                families.map { family in
                    [
                        "name": .string(family.name), "type": .string(family.kind.rawValue),
                        "help": .string(family.help),
                        "samples": .array(family.samples.map(Self.json)),
                    ]
                })
        ]
    }

    private static func append(_ sample: MetricFamily.Sample, of name: String, to text: inout String) {
        switch sample.value {
        case .number(let value): text += "\(name)\(labels(sample.labels)) \(value)\n"
        case .whole(let value): text += "\(name)\(labels(sample.labels)) \(value)\n"
        case .spread(let spread):
            for (bound, count) in spread.cumulative {
                let edge = bound.isFinite ? "\(bound)" : "+Inf"
                text += "\(name)_bucket\(labels(sample.labels + [("le", edge)])) \(count)\n"
            }
            text += "\(name)_sum\(labels(sample.labels)) \(spread.sum)\n"
            text += "\(name)_count\(labels(sample.labels)) \(spread.count)\n"
        }
    }

    private static func labels(_ labels: [(name: String, value: String)]) -> String {
        if labels.isEmpty { return "" }
        let pairs = labels.map { name, value in "\(name)=\"\(escaped(value))\"" }
        return "{\(pairs.joined(separator: ","))}"
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    private static func json(_ sample: MetricFamily.Sample) -> JSON {
        let labels = JSON.object(sample.labels.map { JSON.Member($0.name, .string($0.value)) })
        switch sample.value {
        case .number(let value): return ["labels": labels, "value": JSON(value)]
        case .whole(let value): return ["labels": labels, "value": JSON(value)]
        case .spread(let spread):
            let buckets = spread.cumulative.map { bound, count -> JSON in
                ["le": bound.isFinite ? JSON(bound) : "+Inf", "count": JSON(count)]
            }
            return [
                "labels": labels, "count": JSON(spread.count), "sum": JSON(spread.sum), "buckets": .array(buckets),
            ]
        }
    }
}
