internal import Glibc

/// The most bytes a second that a control group reads from a disk, and as many that it writes to it.
struct DiskLimit: Sendable, Equatable {
    /// As control groups name it: `8:0`, the whole disk, as a partition has no limit of its own.
    let device: String
    let bytes: Int64

    /// - Parameters:
    ///   - megabytes: of a million bytes, 1–100,000.
    ///   - sys: replaces `/sys`.
    /// - Returns: `nil` when the folder's file system isn't on one disk: in memory, of a network, of several disks.
    init?(megabytes: Int, folder: String, sys: String = "/sys") {
        var status = stat()
        guard stat(folder, &status) == 0, let disk = Self.disk(Self.name(of: status.st_dev), sys: sys) else {
            return nil
        }
        self.init(megabytes: megabytes, device: disk)
    }

    init(megabytes: Int, device: String) {
        self.device = device
        bytes = Int64(min(max(megabytes, 1), 100_000)) * 1_000_000
    }

    /// The files that set it, and what is written to each.
    func files(isUnified: Bool) -> [(name: String, text: String)] {
        guard !isUnified else { return [("io.max", "\(device) rbps=\(bytes) wbps=\(bytes)")] }
        return ["read", "write"].map { ("blkio.throttle.\($0)_bps_device", "\(device) \(bytes)") }
    }

    /// As by `gnu_dev_major` and `gnu_dev_minor`.
    static func name(of device: dev_t) -> String {
        let number = UInt64(device)
        let major = (number >> 8) & 0xFFF | (number >> 32) & ~0xFFF
        let minor = number & 0xFF | (number >> 12) & ~0xFF
        return "\(major):\(minor)"
    }

    /// The disk of a partition, or the device itself; `nil` if it is no disk.
    static func disk(_ device: String, sys: String) -> String? {
        let folder = "\(sys)/dev/block/\(device)"
        guard access(folder, F_OK) == 0 else { return nil }
        guard access("\(folder)/partition", F_OK) == 0 else { return device }
        // The folder is a link into the disk's own.
        let name = ControlFile.read("\(folder)/../dev")?.split(whereSeparator: \.isWhitespace).first
        return name.map { String($0) }
    }
}
