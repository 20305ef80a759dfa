internal import Glibc

/// The command line of `bwrap`: new namespaces of all kinds, no network, a read-only system with listed paths, one
/// writable folder, no privileges, and of the machine's devices only those given. It contains no text from the job,
/// except for the path of a shown folder.
package struct Bubblewrap: Sendable {
    /// Paths inside the sandbox.
    package static let work = "/work"
    static let control = "/run/job"
    static let proxySocket = "/run/proxy.sock"
    /// Where a folder of this machine appears, if one is shown.
    package static let shown = "/run/shown"
    /// The descriptor from which `bwrap` reads the system call filter.
    static let filterDescriptor = 9

    /// `--disable-userns`, since 0.8: a job can't create user namespaces, which most kernel exploits need.
    let canDisableUserNamespaces: Bool
    /// The file with the system call filter; `nil` on architectures without one, and when other layers are tested.
    var filter: String?
    /// Set by the start script, not by `bwrap`.
    var landlock = Landlock.untried

    func arguments(
        for folder: JobFolder, limits: SandboxLimits, proxySocket: String?, shown: String?, devices: [String]
    ) -> [String] {
        var arguments = [
            "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--as-pid-1", "--clearenv",
            "--uid", "65534", "--gid", "65534", "--hostname", "hatchfarm", "--cap-drop", "ALL",
        ]
        if canDisableUserNamespaces { arguments.append("--disable-userns") }
        if filter != nil { arguments += ["--seccomp", String(Self.filterDescriptor)] }
        arguments += ["--ro-bind", "/usr", "/usr"] + Self.rootFolders
        for path in Self.configurationFiles { arguments += ["--ro-bind-try", path, path] }
        let size = String(limits.temporaryBytes)
        arguments += ["--proc", "/proc", "--dev", "/dev"]
        arguments += ["--size", size, "--tmpfs", "/dev/shm", "--size", size, "--tmpfs", "/tmp"]
        // After what would cover them, and before `/dev` is read-only: their folders there are made by this.
        for path in devices { arguments += ["--dev-bind", path, path] }
        arguments += ["--remount-ro", "/dev"]
        arguments += ["--bind", folder.work.path, Self.work, "--ro-bind", folder.control, Self.control]
        if let proxySocket { arguments += ["--ro-bind", proxySocket, Self.proxySocket] }
        if let shown { arguments += ["--ro-bind", shown, Self.shown] }
        arguments += ["--remount-ro", "/", "--chdir", Self.work]
        return arguments + ["--", "/bin/sh", "\(Self.control)/start"]
    }

    /// What programs need from `/etc`, without anything about this machine or its users.
    private static let configurationFiles: [String] =
        [
            "ld.so.cache", "alternatives", "localtime", "ssl/certs", "ssl/openssl.cnf", "fonts", "mime.types",
            "services",
            "protocols",
        ].map { "/etc/\($0)" } + fileNames(in: "/etc").filter { $0.hasPrefix("java-") }.sorted().map { "/etc/\($0)" }

    /// `/bin` and the like as they are on the host: links into `/usr`, or folders.
    private static let rootFolders: [String] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"].flatMap { name in
        var status = stat()
        guard lstat("/\(name)", &status) == 0 else { return [String]() }
        guard status.st_mode & S_IFMT == S_IFLNK else { return ["--ro-bind", "/\(name)", "/\(name)"] }
        return ["--symlink", "usr/\(name)", "/\(name)"]
    }
}
