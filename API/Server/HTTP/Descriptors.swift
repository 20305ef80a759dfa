internal import Glibc

/// What the process has left of its file descriptors. libdispatch ends a process that has none, so that connections
/// must stop short of the last one (PROMISES P11).
enum Descriptors {
    /// For what is opened later: files of the database, outgoing connections, those accepted at once.
    private static let reserve = 32

    /// How many connections may be taken, beside what is open now; at least a few.
    static var forConnections: Int { max(4, Int(getdtablesize()) - openCount - reserve) }

    private static var openCount: Int {
        guard let directory = opendir("/proc/self/fd") else { return 32 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count
    }
}
