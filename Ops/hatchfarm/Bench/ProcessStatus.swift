internal import Glibc

/// What Linux tells of a process.
enum ProcessStatus {
    /// CPU time without that of children.
    static func processorSeconds(of process: Int32) throws -> Double {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else {
            throw Failure.unexpected("the process has exited")
        }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// `write_bytes` of `/proc/PID/io`: pages that it made dirty, in bytes, whether they have reached the disk or not.
    static func bytesWritten(by process: Int32) throws -> Int {
        guard let bytes = Files.readIfExists("/proc/\(process)/io") else {
            throw Failure.unexpected("/proc/\(process)/io can't be read")
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("write_bytes: ") }),
            let count = line.split(separator: " ").last.flatMap({ Int($0) })
        else { throw Failure.unexpected("/proc/\(process)/io has an unknown format") }
        return count
    }

    static func megabytes(_ field: String, of process: Int32) throws -> Double {
        guard let bytes = Files.readIfExists("/proc/\(process)/status") else {
            throw Failure.unexpected("the process has exited")
        }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("\(field):") }
        let words = line?.split { $0 == " " || $0 == "\t" } ?? []
        guard words.count > 1, let kilobytes = Double(words[1]) else {
            throw Failure.unexpected("/proc/\(process)/status has an unknown format")
        }
        return kilobytes * 1_024 / 1e6
    }

    /// What children that have ended have caused to be written to disks, in bytes: Linux counts blocks of 512.
    static func bytesWrittenByChildren() -> Int {
        var usage = rusage()
        getrusage(RUSAGE_CHILDREN.rawValue, &usage)
        return Int(usage.ru_oublock) * 512
    }
}
