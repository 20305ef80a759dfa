import Domain
@testable import Executors
import Foundation
import Glibc
import Runtime
import Support
import Testing

/// A repository that wants more than to be tested. Its tests pass when it got nothing, or it can't be fetched.
private struct Hostile: Sendable, CustomTestStringConvertible {
    let sentence: String
    /// Makes the repository, with `$PWD` as its folder.
    let script: String
    /// Runs when all is committed.
    var late = "true"
    var branch: String? = "main"
    /// Prints `escaped` if it got through.
    var tests = "true"
    /// Words of the reason; `nil`: it is fetched, and its tests pass.
    var reason: String?
    var rules: @Sendable (inout AuditRules) -> Void = { _ in }
    var testDescription: String { sentence }
}

private let repositories: [Hostile] = [
    Hostile(
        sentence: "has no such branch", script: "touch a", branch: "other", reason: "Remote branch other not found"),
    Hostile(sentence: "has no commit", script: "true", branch: nil, reason: "git exited|HEAD|valid object"),
    Hostile(
        sentence: "has a default branch that isn't there",
        script: "touch a; git add a; git commit -qm x; git branch -m real; git symbolic-ref HEAD refs/heads/none; "
            + "git rm -q --cached a; rm a",
        branch: nil, reason: "HEAD|valid object|tree"),
    Hostile(
        sentence: "names a branch that is an option", script: "touch a",
        branch: "--upload-pack=touch /tmp/pwned-by-audit",
        reason: "not a valid name of a branch"),
    Hostile(
        sentence: "names a branch that is a range", script: "touch a", branch: "main..main",
        reason: "not a valid name of a branch"),
    Hostile(
        sentence: "names a branch with a line break", script: "touch a", branch: "main\n[audit] 9 of 9 passed",
        reason: "not a valid name of a branch"),
    Hostile(
        sentence: "has a file that is small only when packed", script: "head -c 64M /dev/zero > big",
        reason: "git exited|write|limit|File size|unable|MiB|signal|large"
    ) { $0.bytes = 8 << 20 },
    Hostile(
        sentence: "has many files that are small only when packed",
        script: "yes | head -c 3M > 1; for i in 2 3 4 5 6 7 8 9; do (echo $i; cat 1) > $i; done", reason: "MiB"
    ) { $0.bytes = 8 << 20 },
    Hostile(
        sentence: "has too many files", script: "seq 600 | xargs touch", reason: "files"
    ) { $0.files = 500 },
    Hostile(
        sentence: "has too many folders in folders",
        script: "d=.; for i in $(seq 80); do d=$d/d; done; mkdir -p $d; touch $d/x", reason: "deep|depth"),
    Hostile(
        sentence: "has a tree of ten billion files in a kilobyte",
        script: """
            o=$(echo x | git hash-object -w --stdin); k=blob; m=100644
            for level in 1 2 3 4 5 6 7 8 9 10; do
                o=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf '%s %s %s\\tf%s\\n' $m $k $o $i; done | git mktree)
                k=tree; m=040000
            done
            git symbolic-ref HEAD refs/heads/x; git update-ref refs/heads/main $(git commit-tree -m bomb $o)
            """, reason: "limit|memory|exited|time"
    ) {
        $0.memoryBytes = 96 << 20; $0.fetchMilliseconds = 8_000
    },
    Hostile(
        sentence: "has a long history of large files",
        script: "for i in 1 2 3 4 5 6 7 8; do head -c 2M /dev/urandom > f; git add f; git commit -qm $i; done; "
            + "echo small > f",
        tests: "[ $(cat f) = small ]"
    ) { $0.bytes = 4 << 20 },
    Hostile(
        sentence: "has hooks", script: "touch a",
        late: """
            for h in post-checkout post-merge reference-transaction post-index-change pre-commit; do
                printf '#!/bin/sh\\ntouch /work/pwned %s/pwned\\n' "$PWD" > .git/hooks/$h
                chmod 755 .git/hooks/$h
            done; git config core.hooksPath .git/hooks
            """, tests: "[ -z \"$(ls -A | grep -v '^a$')\" ] || echo escaped"),
    Hostile(
        sentence: "has filters, and a configuration that defines them",
        script: """
            echo '* filter=evil diff=evil merge=evil text eol=crlf working-tree-encoding=UTF-8' > .gitattributes
            echo content > a
            """,
        late: """
            git config filter.evil.smudge "sh -c 'touch $PWD/pwned /work/pwned; echo filtered'"
            git config filter.evil.required true
            git config uploadpack.packObjectsHook "touch $PWD/pwned /work/pwned; exec"
            """, tests: "ls -A; grep -q content a || echo escaped; [ ! -e pwned ] || echo escaped"),
    Hostile(
        sentence: "has large files elsewhere",
        script: """
            echo '*.bin filter=lfs diff=lfs merge=lfs -text' > .gitattributes
            printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%064d\\nsize 99999999999\\n' 1 > a.bin
            printf '[lfs]\\nurl = http://169.254.169.254/\\n' > .lfsconfig
            """, tests: "head -1 a.bin | grep -q '^version https://git-lfs' || echo escaped"),
    Hostile(
        sentence: "has a submodule by another transport",
        script: """
            printf '[submodule "s"]\\n path = s\\n url = ext::sh -c touch%% /work/pwned\\n' > .gitmodules
            touch a; mkdir s; git add a; git commit -qm x
            git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),s; git add .gitmodules; git commit -qm s
            """, tests: "[ -z \"$(ls -A s 2>/dev/null)\" ] && [ ! -e pwned ] || echo escaped"),
    Hostile(
        sentence: "has a submodule whose URL is an option",
        script: """
            printf '[submodule "s"]\\n path = s\\n url = -u./evil\\n' > .gitmodules
            touch a; mkdir s; git add a; git commit -qm x
            git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),s; git add .gitmodules; git commit -qm s
            """, reason: "fsck|gitmodules|object"),
    Hostile(
        sentence: "has links out of its tree",
        script: "ln -s /etc/passwd p; ln -s /root r; ln -s ../../.. up; ln -s /proc/1/root c; ln -s $PWD own",
        tests:
            "cat p own/.git/config 2>/dev/null && echo escaped; ls r/ up/root/ c/root/ up/home/ 2>/dev/null "
            + "| grep -q . "
            + "&& echo escaped; true"),
    Hostile(
        sentence: "has names with control characters, quotes and line breaks",
        script:
            "touch -- \"$(printf 'a\\nb')\" \"$(printf 'c\\033[2Jd')\" \"it's \\\"quoted\\\"\" '-rf' ' ' '$(id)' 'ü'",
        tests: "[ $(ls -A | tr -d '\\n' | wc -c) -gt 20 ]"),
    Hostile(
        sentence: "takes its objects from another folder",
        script: """
            o=$PWD-other; git init -q $o; (cd $o; touch a; git add a; git commit -qm x)
            echo $o/.git/objects > .git/objects/info/alternates
            git update-ref refs/heads/main $(git -C $o rev-parse HEAD); git reset -q --hard
            """,
        reason: "repository|object|HEAD|exited|remote|branch"),
    Hostile(
        sentence: "has a configuration that includes files of the machine",
        script: "touch a",
        late: """
            git config core.sshCommand "touch $PWD/pwned"; git config core.fsmonitor "touch $PWD/pwned"
            git config url.ext::.insteadOf file://; git config include.path /etc/hostname-of-the-machine
            """,
        tests: "[ ! -e pwned ] || echo escaped"),
]

/// A tree that `git` would not make.
private struct BadTree: Sendable, CustomTestStringConvertible {
    let sentence: String
    let entries: [(mode: String, name: String, isTree: Bool)]
    var testDescription: String { sentence }
}

private let trees: [BadTree] = [
    BadTree(sentence: "names its parent", entries: [("40000", "..", true)]),
    BadTree(sentence: "names itself", entries: [("40000", ".", true)]),
    BadTree(sentence: "brings a folder .git with hooks", entries: [("40000", ".git", true)]),
    BadTree(sentence: "brings a folder .GIT", entries: [("40000", ".GIT", true)]),
    BadTree(sentence: "brings a folder git~1", entries: [("40000", "git~1", true)]),
    BadTree(sentence: "has a path as a name", entries: [("100644", "a/../../escaped", false)]),
    BadTree(
        sentence: "has a link and a folder of one name", entries: [("120000", "a", false), ("40000", "a", true)]),
    BadTree(sentence: "has a name without letters", entries: [("100644", "", false)]),
]

@Suite("Hostile repositories", .serialized, .timeLimit(.minutes(2)))
struct HostileRepositories {
    private func check(_ said: AuditLab.Said, _ lab: AuditLab, reason: String?) async throws {
        #expect(said.status == .success)
        #expect(!said.stream.contains("escaped"), "\(said.stream)")
        if let reason {
            #expect(said.passed == 0 && said.total == 1 && said.exitCode == nil, "\(said.stream)")
            #expect(said.log.contains("could not fetch"))
            let isNamed = reason.split(separator: "|").contains { said.log.contains($0) }
            #expect(isNamed, "\(said.log)")
        } else {
            #expect(said.passed == 1 && said.total == 1 && said.exitCode == 0, "\(said.stream)")
        }
        #expect(try await lab.isWell())
    }

    @Test("are contained and reported", arguments: repositories)
    fileprivate func contained(_ hostile: Hostile) async throws {
        var lab = try await AuditLab()
        hostile.rules(&lab.rules)
        let repository = try await Repository(hostile.script, late: hostile.late)
        let said = try await lab.run(repository.url, branch: hostile.branch, tests: hostile.tests)
        try await check(said, lab, reason: hostile.reason)
        #expect(!FileManager.default.fileExists(atPath: "/tmp/pwned-by-audit"))
        #expect(!FileManager.default.fileExists(atPath: "\(repository.path)/pwned"))
    }

    @Test("with trees that git would not make are refused", arguments: trees)
    fileprivate func badTree(_ tree: BadTree) async throws {
        let lab = try await AuditLab()
        let repository = try await Repository(entries: tree.entries)
        let said = try await lab.run(repository.url, tests: "echo escaped")
        try await check(said, lab, reason: "fsck|object|invalid path|exited|EOF")
    }

    @Test(
        "by URLs that are more than a place are refused",
        arguments: [
            "ext::sh -c touch% /tmp/pwned-by-audit", "ext::sh", "https://user:secret@example.org/x",
            "ssh://example.org/x",
            "git@example.org:x/y", "-u./evil", "--upload-pack=evil", "file://example.org/x", "file:///", "file:///etc",
            "file:///tmp/../etc", "file:///tmp/%2e%2e/etc", "https://example.org/\u{1B}[2J", "https://example.org/a\nb",
            "https://example.org/%0a", "fd::17", "https://", "https://example.org:99999/x", "https://exa mple.org/x",
            "file:///nowhere/at/all", "https://example.org/x?y=z", "https://[::1/x", "",
        ])
    func places(url: String) async throws {
        let lab = try await AuditLab()
        let said = try await lab.run(url, tests: "echo escaped")
        #expect(said.status == .success && said.passed == 0 && said.total == 1)
        #expect(said.log.contains("could not fetch") && !said.stream.contains("escaped"))
        #expect(!said.log.utf8.contains(0x1B))
        #expect(!FileManager.default.fileExists(atPath: "/tmp/pwned-by-audit"))
    }

    @Test("by a scheme that the worker doesn't allow are no verdict: another machine may have them")
    func schemes() async throws {
        var lab = try await AuditLab()
        lab.rules.schemes = [.https]
        for url in [try await Repository("touch a").url, "http://example.org/x"] {
            let refusal = try await lab.refusal(of: url)
            #expect(refusal?.contains("only by https://") == true, "\(refusal ?? "a verdict")")
        }
    }

    @Test("that the jobs' user can't read are refused")
    func unreadable() async throws {
        guard getuid() == 0 else { return }
        let lab = try await AuditLab()
        let repository = try await Repository("touch a")
        for place in ["\(repository.path)/.git", repository.path] {
            #expect(chmod(place, 0o700) == 0)
            let said = try await lab.run(repository.url, tests: "true")
            #expect(said.passed == 0 && said.log.contains("could not fetch"), "\(said.log)")
        }
    }
}
