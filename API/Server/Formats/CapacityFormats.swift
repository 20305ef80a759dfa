internal import Bytes
internal import Domain

extension Format where Value == Int64 {
    /// Thousandths of a core, as a number of cores.
    static var cores: Format { thousandths(0...4_096, decimals: 3) }

    /// MiB, as GB of 10⁹ bytes. A MiB is coarser than a thousandth of a GB: hundredths come back as they were given.
    static var gigabytes: Format {
        Format(.number) { memoryMiB, writer in
            writer.json(.number(Money.decimal(UnitPrices.centiGigabytes(memoryMiB), decimals: 2)))
        } read: { json throws(FieldError) in
            Int64((try Format<Double>.number(0...65_536).read(json) * 1e9 / 1_048_576).rounded())
        }
    }

    private static func thousandths(_ range: ClosedRange<Double>, decimals: Int) -> Format {
        Format(.number) { thousandths, writer in
            writer.json(.number(Money.decimal(thousandths, decimals: decimals)))
        } read: { json throws(FieldError) in
            Int64((try Format<Double>.number(range).read(json) * 1_000).rounded())
        }
    }
}

extension Input where Value == Capacity {
    /// What is absent is not stated.
    static var capacity: Input {
        Input<(Int64?, Int64?, Int64, [String], Isolation?)>(
            InputFields {
                optional("cpu_cores", .cores, "0–4,096")
                optional("memory_gb", .gigabytes, "0–65,536")
                optional("gpu", .integer(0...1_024), default: 0)
                optional("labels", .array(.label, 0...64), default: [])
                optional("isolation", Format<Isolation>.choice, "The strongest that the machine has.")
            }
        )
        .map { cores, memory, gpus, labels, isolation in
            Capacity(milliCores: cores, memoryMiB: memory, gpus: gpus, labels: labels, isolation: isolation)
        }
    }
}

extension Format where Value == String {
    /// 1–64 printable characters.
    static var label: Format {
        checked(.string(1...64)) { text throws(FieldError) in
            guard (1...64).contains(text.unicodeScalars.count), text.unicodeScalars.allSatisfy(\.isPrintable) else {
                throw .invalid("must be 1 to 64 printable characters")
            }
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isPrintable: Bool {
        properties.generalCategory != .control && self != "\u{2028}" && self != "\u{2029}"
    }
}
