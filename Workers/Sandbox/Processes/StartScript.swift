/// A shell script that is the first process of a sandbox: takes its limits, says `marker`, waits for the daemon's word,
/// then runs the program and ends as it did. The shell stays: it reaps what the program leaves, and when it ends the
/// kernel kills all that is left.
///
/// The word is waited for because a daemon killed while its child was still becoming `bwrap` would not take it along:
/// when the marker is out, `bwrap` is bound to the daemon's life, and an answer proves that this went on after that.
///
/// Limits come before the environment, which may hold anything; `exec` keeps the shell's own commands out.
struct StartScript {
    let program: Program
    let marker: String
    let home: String
    let input: String
    /// Commands of the shell.
    let limits: String
    let hasProxy: Bool

    /// Where the program finds its way out, inside.
    static let proxyPort = 3_128

    var text: String {
        """
        cd \(Program.quoted(home)) && \(limits) || exit 1
        \(hasProxy ? proxy : "")
        printf '%s\\n' \(marker)
        read -r word && exec < /dev/null || exit 1
        unset word OLDPWD
        \(variables.map { "export \($0)=\(Program.quoted($1))" }.joined(separator: "\n"))
        \(run) < \(Program.quoted(input))
        exit $?

        """
    }

    private var variables: [(String, String)] {
        let base = [("HOME", home), ("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LANG", "C.UTF-8")]
        let proxy = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].map { name in
            (name, "http://127.0.0.1:\(Self.proxyPort)")
        }
        let given = program.environment.map { ($0.name, $0.value) }
        return base + (hasProxy ? proxy + [("no_proxy", "localhost,127.0.0.1")] : []) + given
    }

    private var run: String {
        let words = program.command.map(Program.quoted).joined(separator: " ")
        // `exec` of this shell may take a dash for an option of its own.
        let hasDash = program.command.first?.utf8.first == UInt8(ascii: "-")
        return hasDash ? "/usr/bin/env -- \(words)" : "(exec \(words))"
    }

    /// Listens inside for what goes to the daemon's socket, and waits until it does: a line of `/proc/net/tcp` with the
    /// port and the state 0A.
    private var proxy: String {
        let port = String(Self.proxyPort, radix: 16, uppercase: true)
        let hex = String(repeating: "0", count: max(0, 4 - port.count)) + port
        return """
            socat TCP-LISTEN:\(Self.proxyPort),bind=127.0.0.1,fork,reuseaddr,backlog=128 \
            UNIX-CONNECT:\(Bubblewrap.proxySocket) < /dev/null > /dev/null 2>&1 &
            proxy=$! listens= turns=0
            while [ -z "$listens" ]; do
                while read -r line; do
                    case $line in *":\(hex) 00000000:0000 0A"*) listens=1 ;; esac
                done < /proc/net/tcp
                [ -n "$listens" ] || { kill -0 $proxy && [ $turns -lt 500 ] && sleep 0.01; } || exit 1
                turns=$((turns + 1))
            done
            unset proxy listens turns line
            """
    }
}
