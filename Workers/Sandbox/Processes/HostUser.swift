internal import Glibc

/// The user that a job runs as on the host. A daemon that runs as root uses an unprivileged id per slot, so that no job
/// runs as root and no two jobs share a user; otherwise jobs run as the daemon's user.
package struct HostUser: Sendable, Equatable {
    /// `nil`: the daemon's user.
    let id: UInt32?

    /// Ids that Debian and systemd leave unused: 60,706 and up.
    private static let first: UInt32 = 60_706
    private static let count = 257

    /// The slot of trial runs, which no job has.
    package static let trialSlot = 256

    /// `slot` counts from 0 among the jobs that run at the same time.
    package init(slot: Int) {
        let offset = UInt32(max(0, slot) % Self.count)
        id = geteuid() == 0 ? Self.first + offset : nil
    }

    var actual: UInt32 {
        id ?? geteuid()
    }
}
