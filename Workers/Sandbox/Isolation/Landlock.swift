internal import Glibc

/// Whether the programs of jobs run in a Landlock domain of their own, which `program` sets: they write only below the
/// work folder, `/tmp` and `/dev/shm` and to the devices that the sandbox shows, and reach no process outside of the
/// domain, which is all but their own. The limits hold for all that they start.
///
/// `bwrap` can't be started in a domain, as nothing in one may mount: so it is set by the last program before the
/// job's, with the Perl that every Debian has. Kernel documentation: userspace-api/landlock.rst.
enum Landlock: Sendable, Equatable {
    case used
    case missing(reason: String, remedy: String)
    /// Nothing is known to be wrong.
    case untried

    private static let perl = "/usr/bin/perl"

    static let noPerl = Landlock.missing(reason: "\(perl) is not installed", remedy: "apt-get install perl-base")

    /// As far as it is known without a trial.
    static var expected: Landlock {
        access(perl, X_OK) == 0 ? .used : noPerl
    }

    /// What a trial run of `true` that ended otherwise than with 0 says of it.
    init(failed end: Sandbox.End) {
        guard end.output.hasPrefix(Self.unavailable) else {
            self = .untried
            return
        }
        let reason = end.output.dropFirst(Self.unavailable.count).prefix { $0 != "\n" }
        self = .missing(
            reason: "the kernel offers no Landlock that suffices (\(reason))",
            remedy: "use Linux 5.19 or newer with CONFIG_SECURITY_LANDLOCK and with landlock in its lsm= parameter")
    }

    /// What a start script puts before the file of variables and the command; ends with 125 when the domain can't be
    /// set, and as `env` does, with 127 or 126, when the command can't be run.
    static let words = [perl, "-e", program, "--"]

    private static let unavailable = "Landlock: unavailable: "

    /// The calls are `landlock_create_ruleset`, `landlock_add_rule` and `landlock_restrict_self`; their numbers are the
    /// same on all architectures. Only accesses that a ruleset names are refused: here all that change something, of
    /// those that the kernel's version knows. Version 1 refuses each rename from one folder into another, and there is
    /// no rule against that. From version 6 on signals and abstract sockets stay in the domain. TCP isn't touched: the
    /// relay to a job's proxy listens outside of the domain.
    private static let program = #"""
        sub refused { print STDERR "Landlock: $_[0]\n"; exit 125 }
        my $version = syscall(444, 0, 0, 1);
        refused("unavailable: " . ($version < 0 ? $! : "version $version")) if $version < 2;
        my $all = $version < 3 ? 0x3FF2 : $version < 5 ? 0x7FF2 : 0xFFF2;
        my $attributes = $version < 6 ? pack("Q", $all) : pack("Q3", $all, 0, 3);
        my $rules = syscall(444, $attributes, length $attributes, 0);
        refused("ruleset: $!") if $rules < 0;
        for (["/work", $all], ["/tmp", $all], ["/dev/shm", $all], ["/dev", $all & 0xC002]) {
            open(my $folder, "<", $_->[0]) or refused("$_->[0]: $!");
            my $rule = pack("Ql", $_->[1], fileno $folder);
            refused("$_->[0]: $!") if syscall(445, $rules, 1, $rule, 0) < 0;
        }
        refused("domain: $!") if syscall(446, $rules, 0) < 0;
        open(my $list, "<", shift @ARGV) or refused("variables: $!");
        %ENV = ();
        { local $/ = "\0"; while (<$list>) { chomp; my ($name, $value) = split(/=/, $_, 2); $ENV{$name} = $value } }
        exec { $ARGV[0] } @ARGV or do { my $code = $! == 2 ? 127 : 126; print STDERR "$ARGV[0]: $!\n"; exit $code };
        """#
}
