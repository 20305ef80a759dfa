internal import Bytes

/// What a device says of its machine, from `/proc`.
struct DeviceMetrics: Sendable {
    /// In ticks since the machine started, when it was last asked for.
    private var last: (busy: Double, total: Double)?

    /// Percent of all cores since the last sample, percent of the memory, and seconds since the machine started. What
    /// can't be read is left out.
    mutating func sample() -> JSON {
        var members: [JSON.Member] = []
        if let cpu = cpu() { members.append(.init("cpu", JSON(Self.rounded(cpu)))) }
        if let memory = Self.memory { members.append(.init("memory", JSON(Self.rounded(memory)))) }
        if let uptime = Self.uptime { members.append(.init("uptime", JSON(uptime))) }
        return .object(members)
    }

    /// Seconds.
    static var uptime: Double? {
        text("/proc/uptime").split(separator: " ").first.flatMap { Double($0) }?.rounded(.down)
    }

    /// Percent.
    private static var memory: Double? {
        var fields: [Substring: Double] = [:]
        for line in text("/proc/meminfo").split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == ":" }
            if words.count >= 2 { fields[words[0]] = Double(words[1]) }
        }
        guard let total = fields["MemTotal"], let available = fields["MemAvailable"], total > 0 else { return nil }
        return (total - available) / total * 100
    }

    private mutating func cpu() -> Double? {
        // user, nice, system, idle, iowait, irq, softirq, steal
        let line = Self.text("/proc/stat").split(separator: "\n").first ?? ""
        let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
        guard line.hasPrefix("cpu "), ticks.count == 8 else { return nil }
        let total = ticks.reduce(0, +)
        let busy = total - ticks[3] - ticks[4]
        let before = last ?? (0, 0)
        last = (busy, total)
        guard total > before.total else { return nil }
        return (busy - before.busy) / (total - before.total) * 100
    }

    private static func text(_ path: String) -> String {
        String(decoding: Files.readIfExists(path) ?? [], as: UTF8.self)
    }

    /// To a tenth, 0–100.
    private static func rounded(_ percent: Double) -> Double {
        (min(max(percent, 0), 100) * 10).rounded() / 10
    }
}
