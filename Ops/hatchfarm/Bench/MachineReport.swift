internal import Bytes
internal import Glibc

/// The machine and the database of a measurement.
struct MachineReport: Sendable {
    let cores: Int
    let processor: String
    let kernel: String
    let memoryBytes: Int
    let database: String
    /// The latency of a durable 4 KiB write in milliseconds, the median of 200; nil if the database's disk isn't local.
    let syncMilliseconds: Double?

    static func read(database: String, folder: String?) -> MachineReport {
        MachineReport(
            cores: Hardware.cores, processor: processor(), kernel: "Linux \(Hardware.kernel)",
            memoryBytes: Hardware.memoryBytes, database: database, syncMilliseconds: folder.flatMap(syncMilliseconds))
    }

    var lines: [String] {
        let sync = syncMilliseconds.map { ", \(Text.fixed($0, 2)) ms per durable 4 KiB write" } ?? ""
        return [
            "\(cores) cores of \(processor), \(Text.size(memoryBytes)) of memory, \(kernel)",
            "\(database)\(sync)",
        ]
    }

    var json: JSON {
        [
            "cores": JSON(cores), "processor": .string(processor), "kernel": .string(kernel),
            "memory_bytes": JSON(memoryBytes), "database": .string(database),
            "sync_ms": syncMilliseconds.map { JSON($0) } ?? .null,
        ]
    }

    private static func processor() -> String {
        let text = Files.readIfExists("/proc/cpuinfo").map { String(decoding: $0, as: UTF8.self) } ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { String($0.drop { $0 == " " }) } ?? "unknown processor"
    }

    private static func syncMilliseconds(_ folder: String) -> Double? {
        let path = "\(folder)/sync-probe"
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return nil }
        defer {
            close(file)
            unlink(path)
        }
        let page = [UInt8](repeating: 0x5A, count: 4_096)
        var times: [Double] = []
        for index in 0..<200 {
            let start = Ticks.now()
            guard pwrite(file, page, page.count, off_t(index * page.count)) == page.count, fdatasync(file) == 0 else {
                return nil
            }
            times.append(Ticks.milliseconds(Ticks.now() - start))
        }
        return Statistics.median(times)
    }
}
