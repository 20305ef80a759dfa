internal import Runtime
internal import Sandbox
internal import Wire

/// The invocations of `git`: fixed arguments, no configuration but this, no hooks, submodules, filters, large file
/// storage, credentials or prompts. They run in the sandbox.
enum GitCommand {
    /// Where the objects are, and where the branch's files are put.
    static let objects = "repository"
    static let tree = "tree"

    private static let options: [String] = [
        "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.autocrlf=false", "core.askPass=",
        "core.protectHFS=true", "core.protectNTFS=true", "credential.helper=", "submodule.recurse=false",
        "filter.lfs.smudge=", "filter.lfs.process=", "filter.lfs.required=false", "fetch.unpackLimit=1",
        "transfer.fsckObjects=true", "fetch.fsck.zeroPaddedFilemode=ignore", "fetch.fsck.badTimezone=ignore",
        "fetch.fsck.missingSpaceBeforeDate=ignore", "pack.threads=1", "gc.auto=0", "maintenance.auto=false",
        "http.followRedirects=initial", "http.emptyAuth=false", "http.lowSpeedLimit=1000", "http.lowSpeedTime=30",
        "advice.detachedHead=false", "safe.directory=*",
    ]

    private static let environment: [(name: String, value: String)] = [
        ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"), ("GIT_ASKPASS", "/bin/false"), ("GIT_LFS_SKIP_SMUDGE", "1"),
        ("GIT_NO_REPLACE_OBJECTS", "1"), ("GIT_NO_LAZY_FETCH", "1"), ("GIT_ADVICE", "0"),
        // The proxy is the only way out, also to a name that these would exclude.
        ("no_proxy", ""), ("NO_PROXY", ""),
    ]

    private static func program(_ arguments: [String], protocols: String) -> Program {
        Program(
            ["git"] + options.flatMap { ["-c", $0] } + arguments,
            environment: environment + [("GIT_ALLOW_PROTOCOL", protocols)])
    }

    /// Fetches the last commit of a branch, without its files. An http server may redirect to https, not the reverse.
    static func fetch(_ url: RepositoryURL, branch: BranchName?) -> Program {
        let protocols =
            switch url.scheme {
            case .https: "https"
            case .http: "http:https"
            case .file: "file"
            }
        let branchOption = branch.map { ["--branch=\($0.text)"] } ?? []
        let place = url.folder == nil ? url.text : "file://\(Bubblewrap.shown)"
        return program(
            ["clone", "--quiet", "--bare", "--depth=1", "--single-branch", "--no-tags", "--no-recurse-submodules"]
                + ["--template="] + branchOption + ["--", place, "\(Bubblewrap.work)/\(objects)"],
            protocols: protocols)
    }

    /// Writes the files of the fetched commit. `read-tree` runs no hook, and `git` follows no link on its way.
    static var checkout: Program {
        program(
            ["--git-dir=\(Bubblewrap.work)/\(objects)", "--work-tree=\(Bubblewrap.work)/\(tree)"]
                + ["read-tree", "--reset", "-u", "--no-recurse-submodules", "HEAD"],
            protocols: "")
    }
}
