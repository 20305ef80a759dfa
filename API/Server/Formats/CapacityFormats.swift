internal import Bytes
internal import Domain
internal import Wire

extension Format where Value == Int64 {
    /// Thousandths of a core, as a number of cores.
    static var cores: Format {
        Format(.number) {
            $1.json(.cores($0))
        } read: { json throws(FieldError) in
            Capacity.milliCores(try Format<Double>.number(WireLimits.cpuCores).read(json))
        }
    }

    /// MiB, as GB of 10⁹ bytes.
    static var gigabytes: Format {
        Format(.number) {
            $1.json(.gigabytes($0))
        } read: { json throws(FieldError) in
            Capacity.memoryMiB(try Format<Double>.number(WireLimits.memoryGB).read(json))
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
                optional("labels", .array(.label, WireLimits.namesInList), default: [])
                optional("isolation", Format<Isolation>.choice, "The strongest that the machine has.")
            }
        )
        .map { cores, memory, gpus, labels, isolation in
            Capacity(milliCores: cores, memoryMiB: memory, gpus: gpus, labels: labels, isolation: isolation)
        }
    }
}

extension Format where Value == String {
    static var label: Format {
        checked(.string(WireLimits.labelCharacters)) { text throws(FieldError) in
            guard text.isLabel else { throw .invalid("must be 1 to 64 printable characters") }
        }
    }
}
