/// A shell script that is the first process of a sandbox: sets its limits, prints `marker`, waits for a line from the
/// daemon, then runs the program and exits with its code. The shell stays: it reaps orphaned processes, and when it
/// exits the kernel kills all that are left.
///
/// It waits because a daemon that is killed while its child is still becoming `bwrap` would leave the child running.
/// Once the marker is printed, `bwrap` dies with its parent, and the daemon's answer proves that it was still alive
/// then.
///
/// The program's environment is its own: `env`, or what sets its domain, gives it to the program, and neither to the
/// shell nor to itself. To a shell a variable may be more than a variable: `UID` can't be set, `OPTIND` not to any
/// value, `IFS` changes how it reads on. `env` also avoids the shell's own builtins, and looks for the program in the
/// `PATH` that it gives it.
struct StartScript {
    let program: Program
    let marker: String
    let home: String
    let input: String
    /// Shell commands.
    let limits: String
    let hasProxy: Bool
    /// The file with `variableBytes`, when the program runs in a Landlock domain, which the shell and the relay stay
    /// out of: then its variables are in no command line, which everybody on the machine can read.
    var variablesFile: String?

    /// Where the program finds the proxy inside the sandbox.
    static let proxyPort = 3_128

    var text: String {
        """
        cd \(Program.quoted(home)) && \(limits) || exit 1
        \(hasProxy ? proxy : "")
        printf '%s\\n' \(marker)
        read -r word && exec < /dev/null || exit 1
        \(run) < \(Program.quoted(input))
        exit $?

        """
    }

    /// The program's variables, each as `NAME=VALUE` and ended by NUL.
    var variableBytes: [UInt8] { variables.flatMap { Array("\($0)=\($1)".utf8) + [0] } }

    private var variables: [(String, String)] {
        let base = [
            ("HOME", home), ("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LANG", "C.UTF-8"), ("PWD", home),
        ]
        let proxy = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].map { name in
            (name, "http://127.0.0.1:\(Self.proxyPort)")
        }
        let given = program.environment.map { ($0.name, $0.value) }
        return base + (hasProxy ? proxy + [("no_proxy", "localhost,127.0.0.1")] : []) + given
    }

    private var run: String {
        // After the first assignment `env` takes nothing for an option, so that a command may begin with a dash.
        let words =
            variablesFile.map { Landlock.words + [$0] } ?? ["/usr/bin/env", "-i"] + variables.map { "\($0)=\($1)" }
        return (words + program.command).map(Program.quoted).joined(separator: " ")
    }

    /// Starts a relay to the daemon's proxy socket, and waits until it listens: until `/proc/net/tcp` has a line with
    /// the port and the state 0A.
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
                [ -n "$listens" ] || { kill -0 $proxy && [ $turns -lt 6000 ] && sleep 0.01; } || exit 1
                turns=$((turns + 1))
            done
            unset proxy listens turns line
            """
    }
}
