import Glibc
@testable import Sandbox
import Support
import Testing

/// Files that aren't the job's.
private let attempts: [Attempt] = [
    Attempt("reads the machine's passwords", "cat /etc/shadow /etc/gshadow 2>/dev/null | grep -q . && echo escaped"),
    Attempt("reads who is on the machine", outside: true, "grep -q root /etc/passwd 2>/dev/null && echo escaped"),
    Attempt(
        "reads the machine's name and keys", "cat /etc/machine-id /etc/ssh/* 2>/dev/null | grep -q . && echo escaped"),
    Attempt("looks into people's homes", outside: true, "ls -d /root /home 2>/dev/null | grep -q . && echo escaped"),
    Attempt("looks at the devices in /sys", outside: true, "ls /sys/class 2>/dev/null | grep -q . && echo escaped"),
    Attempt(
        "finds the sockets of docker, dbus, ssh and X",
        "for s in /var/run/docker.sock /run/docker.sock /run/dbus /run/user /run/systemd /tmp/.X11-unix /tmp/ssh-*; do "
            + "[ -e $s ] && echo escaped; done; true"),
    Attempt("finds any socket at all", "find / -xdev -type s 2>/dev/null | grep -q . && echo escaped; true"),
    Attempt(
        "writes to the system", outside: false,
        "for f in /usr /bin /etc /lib /run /run/job / /proc /sys /dev; do "
            + "(echo x > $f/evil) 2>/dev/null && echo escaped; "
            + "done; true"),
    Attempt("replaces a program", "cp /bin/true /usr/bin/ls 2>/dev/null && echo escaped; true"),
    Attempt("rewrites its own start", "(echo x >> /run/job/start) 2>/dev/null && echo escaped; true"),
    Attempt("makes the read-only writable", "mount -o remount,rw / 2>/dev/null && echo escaped; true"),
    Attempt("makes a device for the disk", "mknod /work/disk b 254 0 2>/dev/null && echo escaped; true"),
    Attempt("makes a device for memory", "mknod /tmp/mem c 1 1 2>/dev/null && echo escaped; true"),
    Attempt(
        "finds devices beside the harmless ones",
        "ls /dev | grep -vxE 'console|core|fd|full|null|ptmx|pts|random|shm|stderr|stdin|stdout|tty|urandom|zero' "
            + "&& echo escaped; true"),
    Attempt(
        "walks out through the root's parent", "ls /../../../root /work/../../root 2>/dev/null && echo escaped; true"),
    Attempt(
        "walks out through another process's root",
        "for p in /proc/[0-9]*; do ls $p/root/home $p/root/root $p/cwd/../../home; done 2>/dev/null | grep -q . "
            + "&& echo escaped; true"),
    Attempt(
        "walks out through an inherited descriptor",
        "for f in /proc/1/fd/* /proc/self/fd/*; do [ -d $f/.. ] && echo escaped $f; done; true"),
    Attempt(
        "keeps a descriptor of the daemon's",
        "for n in 3 4 5 6 7 8 9 10 20 50 100; do [ -e /proc/self/fd/$n ] && echo escaped $n; done; true"),
    Attempt("chowns its way to root's files", outside: false, "touch f; chown 0 f 2>/dev/null && echo escaped; true"),
    Attempt(
        "makes a setuid program and gains by it",
        "cp /usr/bin/id /work/i; chmod 6755 /work/i; [ \"$(/work/i -u)\" = 65534 ] || echo escaped"),
    Attempt(
        "gains by a setuid program that is there",
        "for p in su mount passwd newgrp chsh; do f=$(command -v $p) && [ -u \"$f\" ] && "
            + "perl -e 'exec @ARGV' \"$f\" --help >/dev/null 2>&1; done; grep -q 'NoNewPrivs:.1' /proc/self/status "
            + "|| echo escaped"),
    Attempt("links a file of the system into its folder", "ln /usr/bin/id /work/id 2>/dev/null && echo escaped; true"),
    Attempt(
        "reads the kernel's memory and messages",
        "for f in /proc/kcore /dev/mem /dev/kmsg /proc/kmsg; do head -c 1 $f 2>/dev/null | grep -q . && echo escaped; "
            + "done; true"),
    Attempt(
        "sets what the kernel runs after a crash",
        "echo '|/work/x' > /proc/sys/kernel/core_pattern && echo escaped; true"),
    Attempt("presses the machine's magic key", "echo h > /proc/sysrq-trigger && echo escaped; true"),
    Attempt("changes the kernel's settings", "echo 1 > /proc/sys/vm/drop_caches && echo escaped; true"),
]

@Suite("Escapes by files", .timeLimit(.minutes(2)))
struct FileEscapes {
    @Test("a job can't do it by files", arguments: attempts)
    func attempt(_ attempt: Attempt) async throws {
        let yard = try await Yard()
        try await yard.expectContained(attempt)
    }

    @Test("a job sees nothing of another job's folder, although it knows the path")
    func otherJobs() async throws {
        let yard = try await Yard()
        let other = try yard.state.makeJobFolder(for: HostUser(slot: 1))
        defer { try? other.remove() }
        try other.work.place(Array("secret".utf8), at: RelativePath("mine"))
        let script = "cat \(other.work.path)/mine \(yard.state.path)/jobs/*/*/work/* 2>/dev/null && echo escaped; true"
        #expect(!(try await yard.run(script: script)).log.contains("escaped"))
        // The hole, planted: its own path outside of the walls is readable.
        let outside = Yard(state: yard.state, sandbox: .unprotected())
        let own = try yard.state.makeJobFolder(for: HostUser(slot: 0))
        defer { try? own.remove() }
        try own.work.place(Array("secret".utf8), at: RelativePath("mine"))
        #expect(try await outside.run(script: "cat \(own.work.path)/mine && echo escaped").log.contains("escaped"))
        // And even then a user of its own stands between two jobs.
        if geteuid() == 0 { #expect(!(try await outside.run(script: script)).log.contains("escaped")) }
    }
}
