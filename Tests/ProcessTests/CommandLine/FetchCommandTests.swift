import Foundation
import Support
import Synchronization
import Testing

/// `hatchfarm job fetch`: what a network or a server does to a download.
@Suite("Downloads of the command line", .timeLimit(.minutes(3)))
struct FetchCommandTests {
    /// A member's key, and a completed job of hers with these outputs.
    private static func job(
        _ home: FarmHome, _ outputs: [String], _ script: String
    ) async throws -> (key: String, id: String) {
        let made = try await home.run("agent", "register", "--name", "Ann", "--key-only")
        let key = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let done = try await home.run(
            ["job", "submit", "--title", "make", "--watch", "--api-key", key]
                + outputs.flatMap { ["--output", $0] } + ["--", "sh", "-c", script])
        #expect(done.code == 0, "\(done.output)\(done.errors)")
        return (key, try #require(done.output.firstMatch(of: #/job ([0-9a-f-]{36})/#).map { String($0.output.1) }))
    }

    @Test("a connection that breaks again and again delays a file, and changes no byte of it")
    func broken() async throws {
        try await FarmHome.up { home in
            let (key, id) = try await Self.job(home, ["big.txt"], "seq 1 400000 > big.txt")
            let whole = (1...400_000).map { "\($0)\n" }.joined()
            let proxy = try FaultProxy(to: try #require(Int(home.port)))
            defer { proxy.close() }
            let passed = Mutex(0)
            let resumed = Mutex(0)
            proxy.apply { fromClient, bytes in
                if fromClient {
                    let text = String(decoding: bytes, as: UTF8.self)
                    if text.contains("range: bytes=") || text.contains("Range: bytes=") { resumed.withLock { $0 += 1 } }
                    return .pass
                }
                return passed.withLock { count in
                    count += bytes.count
                    guard count > 600_000 else { return .pass }
                    count = 0
                    return .passThenCut
                }
            }
            let through = ["--api-key", key, "--server", "http://127.0.0.1:\(proxy.port)"]
            let fetched = try await home.run(["job", "fetch", id, "big.txt"] + through)
            #expect(fetched.code == 0, "\(fetched.errors)")
            #expect(home.read("big.txt") == whole)
            #expect(resumed.withLock { $0 } >= 3, "each break goes on where it was")

            // A server that is gone for good is told, and nothing is left.
            proxy.apply { fromClient, bytes in
                fromClient
                    ? .pass
                    : passed.withLock { count in
                        count += bytes.count
                        return count > 600_000 ? .cut : .pass
                    }
            }
            let lost = try await home.run(["job", "fetch", id, "big.txt", "--to", "lost.txt"] + through)
            #expect(lost.code == 3 && lost.errors.contains("connection"), "\(lost)")
            #expect(home.read("lost.txt") == nil)
        }
    }

    @Test("a byte that isn't the file's is found by the hash, and nothing is kept")
    func altered() async throws {
        try await FarmHome.up { home in
            let (key, id) = try await Self.job(home, ["big.txt"], "seq 1 100000 > big.txt")
            let proxy = try FaultProxy(to: try #require(Int(home.port)))
            defer { proxy.close() }
            proxy.apply { fromClient, bytes in
                // Far behind the head.
                guard !fromClient, bytes.count > 2_000, let last = bytes.last else { return .pass }
                return .alter(bytes.dropLast() + [last ^ 1])
            }
            let through = ["--api-key", key, "--server", "http://127.0.0.1:\(proxy.port)"]
            for target in [["--to", "wrong.txt"], ["--to", "-"]] {
                let fetched = try await home.run(["job", "fetch", id, "big.txt"] + target + through)
                #expect(fetched.code == 70 && fetched.errors.contains("SHA-256"), "\(fetched.errors)")
                #expect(fetched.output.isEmpty)
            }
            #expect(home.read("wrong.txt") == nil)
        }
    }

    @Test("all files of a job at once; those that are there already stay")
    func all() async throws {
        try await FarmHome.up { home in
            let (key, id) = try await Self.job(
                home, ["a.txt", "deep/er/b.txt"], "echo a > a.txt; mkdir -p deep/er; echo b > deep/er/b.txt")
            let own = ["--api-key", key]
            let fetch = ["job", "fetch", id, "--all", "--to", "results"] + own
            let first = try await home.run(fetch)
            #expect(first.code == 0 && first.output.contains("results/deep/er/b.txt: 2 bytes"), "\(first)")
            #expect(home.read("results/a.txt") == "a\n" && home.read("results/deep/er/b.txt") == "b\n")
            try home.write("results/a.txt", "mine")
            // The names in it are not the caller's choice.
            let kept = try await home.run(fetch)
            #expect(kept.code == 64 && kept.errors.contains("results/a.txt is there with other content"), "\(kept)")
            #expect(home.read("results/a.txt") == "mine")
            let again = try await home.run(fetch + ["--force"])
            #expect(again.code == 0 && again.output.contains("1 of 2 were there already"), "\(again)")
            #expect(home.read("results/a.txt") == "a\n")
            let here = try await home.run(["job", "fetch", id, "--all"] + own)
            #expect(here.code == 0 && home.read("\(id)/deep/er/b.txt") == "b\n", "\(here)")
            for wrong in [[id], [id, "a.txt", "--all"], [id, "--all", "--to", "-"]] {
                #expect(try await home.run(["job", "fetch"] + wrong + own).code == 64)
            }
        }
    }
}
