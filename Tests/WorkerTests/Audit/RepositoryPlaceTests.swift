import Bytes
@testable import Executors
import Runtime
import Testing
import Wire

@Suite("The place of a repository")
struct RepositoryPlaceTests {
    @Test(
        "is a URL with a host, or a folder",
        arguments: [
            ("https://example.org/a/b.git", "example.org:443"), ("HTTPS://Example.ORG/a", "example.org:443"),
            ("https://example.org:8443/a", "example.org:8443"), ("http://10.0.0.1/a", "10.0.0.1:80"),
            ("https://[2606:4700::1]/a", "[2606:4700::1]:443"), ("https://[2606:4700::1]:444/a", "[2606:4700::1]:444"),
            ("https://example.org/a%20b/", "example.org:443"), ("http://0x0a000001/a", "10.0.0.1:80"),
        ])
    func servers(text: String, server: String) throws {
        let url = try RepositoryURL(text, schemes: [.https, .http])
        #expect(url.server == server && url.text == text && url.folder == nil)
    }

    @Test("of a folder is decoded")
    func folders() throws {
        #expect(try RepositoryURL("file:///srv/a%20b.git/", schemes: [.file]).folder == "/srv/a b.git")
        #expect(throws: RepositoryURL.Problem.self) { try RepositoryURL("file:///a%2Fb/%2e%2e/c", schemes: [.file]) }
        #expect(throws: RepositoryURL.Problem.self) { try RepositoryURL("file:///a", schemes: [.https]) }
    }

    @Test("is shown without control characters")
    func shown() {
        #expect(RepositoryURL.shown("a\u{1B}[2J\n\u{85}b") == "a?[2J??b")
        #expect(RepositoryURL.shown(String(repeating: "x", count: 999)).count == 200)
    }

    @Test(
        "has a branch whose name is valid", arguments: ["main", "feature/x-1", "ü", "a.b", "release-1.0", "@a", "a@b"])
    func branches(name: String) {
        #expect(BranchName(name)?.text == name)
    }

    @Test(
        "has no branch whose name is not",
        arguments: [
            "", "-a", "--upload-pack=x", "a..b", "a b", "a\nb", "a\u{7F}", "a\0", "a~1", "a^", "a:b", "a?", "a*", "a[b",
            "a\\b",
            "@", "HEAD", "a@{1}", ".a", "a/.b", "a/", "/a", "a//b", "a.", "a.lock", "a.lock/b",
            String(repeating: "a", count: 256),
        ])
    func badBranches(name: String) {
        #expect(BranchName(name) == nil)
    }

    @Test("goes over the wire as it is, and only with audits")
    func wire() throws {
        var job = ClaimedJob.sample("a")
        #expect(job.json["audit"] == nil)
        for branch in [nil, "main"] {
            job.audit = ClaimedJob.Audit(repoURL: "https://example.org/x", branch: branch, tests: "pytest\n")
            #expect(try ClaimedJob(job.json) == job)
        }
        let long = String(repeating: "x", count: 10_001)
        for audit in [
            ClaimedJob.Audit(repoURL: "", tests: "x"), ClaimedJob.Audit(repoURL: "x", tests: ""),
            ClaimedJob.Audit(repoURL: "x", branch: "", tests: "x"), ClaimedJob.Audit(repoURL: "x", tests: long),
            ClaimedJob.Audit(repoURL: long, tests: "x"), ClaimedJob.Audit(repoURL: "x", branch: long, tests: "x"),
        ] {
            job.audit = audit
            #expect(throws: FieldError.self) { try ClaimedJob(job.json) }
        }
    }

    @Test("is asked for again only with a network that knows the farm")
    func network() async {
        #expect(await NetworkCheck(server: "http://127.0.0.1:80/").isOnline)
        #expect(await NetworkCheck(server: "http://[::1]:80/x").isOnline)
        #expect(await NetworkCheck(server: "http://localhost:80/").isOnline)
        #expect(await !NetworkCheck(server: "http://no-such-name.invalid/").isOnline)
    }
}
