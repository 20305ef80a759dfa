import Foundation
import Glibc
import Support
import Testing

/// `Ops/package`, and what dpkg makes of it in a root of its own, which is gone afterwards.
@Suite("The Debian package", .serialized, .timeLimit(.minutes(10)))
struct PackageTests {
    private static let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Ops/package").path()
    private static let hasDebian = access("/usr/bin/dpkg-deb", X_OK) == 0 && access("/usr/bin/unshare", X_OK) == 0

    /// A copy of this machine's root whose changes are kept in memory; `$1` is a folder, `$2` the package. There is no
    /// systemd, until the script puts something in its place.
    private static let rootScript = """
        set -eu
        PATH=/usr/sbin:/usr/bin:/sbin:/bin
        mount -t tmpfs tmpfs "$1"
        mkdir "$1/upper" "$1/work" "$1/root"
        mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
        for folder in dev proc; do mount --rbind "/$folder" "$1/root/$folder"; done
        cp "$2" "$1/root/hatchfarm.deb"
        cp "$3" "$1/root/life"
        exec chroot "$1/root" /bin/bash /life
        """

    /// Each step has to hold.
    private static let lifeScript = #"""
        set -eu
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
        trap 'echo "line $LINENO does not hold"' ERR
        set -E
        not() { ! "$@"; }
        dpkg() { command dpkg --no-triggers "$@" >/dpkg.log 2>&1 || { cat /dpkg.log; return 1; }; }
        for user in hatchfarm-server hatchfarm-worker; do userdel "$user" 2>/dev/null || true; done
        rm -rf /etc/default/hatchfarm-* /etc/hatchfarm /var/lib/hatchfarm-*
        [[ ! -e /run/systemd/system ]]

        echo installed
        dpkg -i /hatchfarm.deb
        [[ $(hatchfarm --version) == "$(dpkg-query -W -f '${Version}' hatchfarm)" ]]
        [[ -z $(command dpkg --verify hatchfarm) ]]
        for part in server worker; do
            getent passwd "hatchfarm-$part" | grep -q ":/var/lib/hatchfarm-$part:/usr/sbin/nologin$"
            getent group "hatchfarm-$part" >/dev/null
            [[ $(stat -c '%a %U' "/etc/default/hatchfarm-$part") == "600 root" ]]
            unit=/usr/lib/systemd/system/hatchfarm-$part.service
            program=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' "$unit")
            [[ -x $program && -f $(sed -n 's/^EnvironmentFile=//p' "$unit") ]]
            grep -q "^User=hatchfarm-$part$" "$unit"
        done
        [[ -d /etc/hatchfarm && -f /usr/share/doc/hatchfarm/examples/rules.json ]]
        zcat /usr/share/man/man1/hatchfarm-job-submit.1.gz | grep -q '^\.TH'
        bash -n /usr/share/bash-completion/completions/hatchfarm
        grep -q hatchfarm /usr/share/zsh/vendor-completions/_hatchfarm
        grep -q hatchfarm /usr/share/fish/vendor_completions.d/hatchfarm.fish
        id=$(id -u hatchfarm-server)

        echo upgraded
        echo '#mine' >>/etc/default/hatchfarm-server
        chmod 644 /etc/default/hatchfarm-worker
        mkdir -p /run/systemd/system
        printf '#!/bin/sh\necho "$@" >>/systemctl.log\n' >/usr/bin/systemctl
        chmod 755 /usr/bin/systemctl
        dpkg -i /hatchfarm.deb
        [[ $(tail -n 1 /etc/default/hatchfarm-server) == '#mine' ]]
        [[ $(stat -c %a /etc/default/hatchfarm-worker) == 600 ]]
        [[ $(id -u hatchfarm-server) == "$id" ]]
        grep -q '^daemon-reload$' /systemctl.log
        grep -q '^try-restart hatchfarm-server.service$' /systemctl.log
        grep -q '^try-restart --no-block hatchfarm-worker.service$' /systemctl.log
        not grep -Eq '(^| )(enable|start|stop|disable)( |$)' /systemctl.log

        echo removed
        mkdir -p /var/lib/hatchfarm-server /var/lib/hatchfarm-worker
        echo data >/var/lib/hatchfarm-server/hatchfarm.db
        echo token >/var/lib/hatchfarm-worker/worker.json
        echo rules >/etc/hatchfarm/rules.json
        dpkg -r hatchfarm
        grep -q '^disable --now hatchfarm-server.service hatchfarm-worker.service$' /systemctl.log
        [[ ! -e /usr/bin/hatchfarm && ! -e /usr/lib/systemd/system/hatchfarm-server.service ]]
        [[ $(tail -n 1 /etc/default/hatchfarm-server) == '#mine' && -f /etc/hatchfarm/rules.json ]]
        [[ -f /var/lib/hatchfarm-worker/worker.json ]]

        echo purged
        rm -r /run/systemd/system
        dpkg -P hatchfarm
        grep -q 'hatchfarm-server is kept' /dpkg.log
        for gone in /etc/default/hatchfarm-{server,worker} /etc/hatchfarm /var/lib/hatchfarm-worker; do
            [[ ! -e $gone ]]
        done
        [[ -f /var/lib/hatchfarm-server/hatchfarm.db ]]
        getent passwd hatchfarm-server >/dev/null
        not getent passwd hatchfarm-worker

        echo gone
        dpkg -i /hatchfarm.deb
        rm -r /var/lib/hatchfarm-server
        dpkg -P hatchfarm
        not getent passwd hatchfarm-server
        not dpkg -s hatchfarm >/dpkg.state
        echo all
        """#

    private func write(_ name: String, _ text: String) throws -> String {
        let path = Scratch.path(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test(
        "is installed, upgraded, removed and purged, and leaves what isn't its own",
        .enabled(if: PackageTests.hasDebian))
    func life() async throws {
        let output = Scratch.path("package")
        let made = try await Tool.run(
            "/bin/bash",
            [Self.script, "--binary", FarmServer.program, "--output", output, "--compression", "none"])
        let package = try #require(made.split(separator: "\n").last.map { String($0) })
        #expect(package.hasPrefix("\(output)/hatchfarm_") && package.hasSuffix(".deb"))
        let control = try await Tool.run("/usr/bin/dpkg-deb", ["--field", package])
        for line in ["Package: hatchfarm", "libc6 (>= 2.", "libpq5", "libsqlite3-0", "Recommends: bubblewrap"] {
            #expect(control.contains(line), "\(control)")
        }
        let folder = Scratch.path("root")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let (root, life) = (try write("root.sh", Self.rootScript), try write("life.sh", Self.lifeScript))
        let namespace = getuid() == 0 ? ["-m"] : ["-r", "-m"]
        let printed = try await Tool.run(
            "/usr/bin/unshare",
            namespace + ["--propagation", "private", "/bin/bash", root, folder, package, life])
        #expect(
            printed.split(separator: "\n").map { String($0) }
                == ["installed", "upgraded", "removed", "purged", "gone", "all"], "\(printed)")
        try? FileManager.default.removeItem(atPath: package)
    }

    @Test("is not made of what is no program, and the script says why", .enabled(if: PackageTests.hasDebian))
    func refusals() async throws {
        for (arguments, words) in [
            (["--binary", "/etc/passwd"], "/etc/passwd is not a program"),
            (["--compress"], "unknown option --compress"),
            (["--binary", "/bin/true"], "no package can have"), (["--output"], "--output needs a value"),
            (["--compression", "rar"], "--compression takes"),
        ] {
            let failure = await #expect(throws: ToolFailure.self) {
                try await Tool.run("/bin/bash", [Self.script] + arguments)
            }
            #expect(failure?.description.contains(words) == true, "\(arguments): \(failure?.description ?? "")")
        }
    }
}
