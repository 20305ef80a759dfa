import Bytes
import Glibc
import Support
import Testing

@Suite("A daemon of a plain user", .timeLimit(.minutes(3)))
struct PlainUserTests {
    @Test("sandboxes its jobs as well, and says what is missing; or is refused with the remedy")
    func plainUser() async throws {
        guard geteuid() == 0 else { return }
        try await Farm.run(on: .sqlite) { farm in
            let state = Scratch.path("plain")
            mkdir(state, 0o711)
            #expect(chown(state, 65_534, 65_534) == 0)
            let child = try await ChildProcess(
                "/usr/bin/setpriv",
                [
                    "--reuid=65534", "--regid=65534", "--clear-groups", FarmServer.program, "worker", "--server",
                    farm.server.url, "--api-key", FarmServer.operatorToken, "--owner", farm.owner.id, "--state", state,
                ], environment: ["HOME": state])
            try await eventually("it is ready, or has ended", within: .seconds(60)) {
                child.ending != nil || child.output.contains("ready")
            }
            guard child.ending == nil else {
                #expect(child.ending == .exited(78), "\(child.output)\(child.errors)")
                #expect(child.errors.contains("this machine can't run jobs"), "\(child.errors)")
                print("measured: a plain user's daemon is refused: \(child.errors)")
                return
            }
            #expect(child.output.contains("isolation sandbox"), "\(child.output)")
            #expect(child.output.contains("separate user: jobs run as the daemon's user"), "\(child.output)")
            let script = "id -u; unshare -U true 2>/dev/null && echo nested; cat /etc/shadow 2>/dev/null; echo done"
            let job = try await farm.owner.submitted("whoami", [.init("command", ["sh", "-c", .string(script)])])
            try await eventually("it has ended", within: .seconds(30)) {
                try await farm.owner.status(of: job) == "completed"
            }
            #expect(try await farm.owner.job(job)["result"]?["output"] == "65534\ndone\n")
            child.signal(SIGTERM)
            #expect(try await child.end() == .exited(0), "\(child.output)")
        }
    }
}
