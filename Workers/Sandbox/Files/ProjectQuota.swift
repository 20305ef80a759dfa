internal import CQuota
internal import Glibc

/// The kernel's own limit for a work folder, on ext4 and XFS with project quotas on: all that is created in a folder
/// belongs to its project, and is counted also without a name. Needs root, which gives each job a user of its own; that
/// user's id is the project's. A job can't leave it: only processes outside of user namespaces change a file's project.
///
/// Where it can't be had nothing happens: the size is looked at in any case. What a folder is limited to is set when a
/// run begins: the daemon, which places the inputs before, isn't limited. Kernel documentation: `quotactl(2)`,
/// `linux/quota.h`.
enum ProjectQuota {
    /// Whether the file system of `path` counts by project. ext4 may count and not limit: only a trial tells.
    static func isOn(at path: String) -> Bool {
        guard let folder = try? Descriptor(path, O_RDONLY | O_DIRECTORY) else { return false }
        return files(of: 0, in: folder) != nil
    }

    /// Makes an empty folder one of `project`, without a limit. Nothing happens if that has files already: it may be a
    /// project of another daemon, whose files would count.
    static func assign(_ project: UInt32, to path: String) {
        // The folder of an ended job may linger until its mounts are gone.
        guard let folder = try? Descriptor(path, O_RDONLY | O_DIRECTORY), let used = files(of: project, in: folder),
            used <= 1, set(project, kilobytes: 0, files: 0, in: folder), var words = attributes(of: folder)
        else { return }
        words[0] |= inherit
        words[3] = project
        _ = ioctl(folder.raw, setAttributes, &words)
    }

    /// The project of a work folder, if it is that of its user.
    static func project(of work: WorkFolder) -> UInt32? {
        guard let id = work.user.id, let folder = try? Descriptor(work.path, O_RDONLY | O_DIRECTORY),
            let words = attributes(of: folder), words[3] == id
        else { return nil }
        return id
    }

    /// Limits what all folders of its user's project take together.
    static func limit(_ work: WorkFolder, _ limits: SandboxLimits) {
        guard let id = project(of: work), let folder = try? Descriptor(work.path, O_RDONLY | O_DIRECTORY)
        else { return }
        // 0 would be no limit. The folder itself counts as a file.
        let files = UInt64(clamping: max(1, limits.workFiles)) + 1
        _ = set(id, kilobytes: UInt64(clamping: max(1, limits.workBytes >> 10)), files: files, in: folder)
    }

    /// Ends the limit of a project on the file system of `path`.
    static func clear(_ project: UInt32, at path: String) {
        guard let folder = try? Descriptor(path, O_RDONLY | O_DIRECTORY) else { return }
        _ = set(project, kilobytes: 0, files: 0, in: folder)
    }

    /// How many files and folders the project has; `nil` when they aren't counted.
    private static func files(of project: UInt32, in folder: borrowing Descriptor) -> UInt64? {
        var words = [UInt64](repeating: 0, count: quotaWords)
        switch hatchfarm_quotactl(folder.raw, getQuota, project, &words) {
        case 0: return words[5]
        // XFS doesn't know a project that never had any.
        case ENOENT: return 0
        default: return nil
        }
    }

    private static func set(
        _ project: UInt32, kilobytes: UInt64, files: UInt64, in folder: borrowing Descriptor
    ) -> Bool {
        var words = [UInt64](repeating: 0, count: quotaWords)
        words[0] = kilobytes
        words[3] = files
        // Both limits are valid: QIF_BLIMITS and QIF_ILIMITS.
        words[8] = 1 | 4
        return hatchfarm_quotactl(folder.raw, setQuota, project, &words) == 0
    }

    /// `struct fsxattr`: flags, …, and as the fourth word the project.
    private static func attributes(of folder: borrowing Descriptor) -> [UInt32]? {
        var words = [UInt32](repeating: 0, count: 7)
        return ioctl(folder.raw, getAttributes, &words) == 0 ? words : nil
    }

    /// `struct if_dqblk`: hard limit, soft limit and use, of kilobytes, then of files; two times; what is valid.
    private static let quotaWords = 9
    /// `Q_GETQUOTA` and `Q_SETQUOTA` for `PRJQUOTA`.
    private static let getQuota: UInt32 = 0x8000_0702
    private static let setQuota: UInt32 = 0x8000_0802
    /// `FS_IOC_FSGETXATTR` and `FS_IOC_FSSETXATTR`, the same on x86-64 and 64-bit ARM.
    private static let getAttributes: UInt = 0x801C_581F
    private static let setAttributes: UInt = 0x401C_5820
    /// `FS_XFLAG_PROJINHERIT`: what is created in it gets its project.
    private static let inherit: UInt32 = 0x200
}
