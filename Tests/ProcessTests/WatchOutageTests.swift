import Bytes
import Foundation
import Glibc
import Support
import Testing

extension OneByOne {
    @Suite("Following while the database is gone", .timeLimit(.minutes(4)))
    struct WatchOutage {
        @Test("who has followed a quiet job for a minute goes on when the database is back")
        func quiet() async throws {
            let postgres = try await ThrowawayPostgres()
            try await postgres.start()
            try await Farm.run(at: postgres.url()) { farm in
                let home = try FarmHome.beside(farm.server, as: "alice")
                let job = try await farm.owner.submitted("quiet")
                let words = ["job", "watch", job]
                let child = try await ChildProcess(
                    FarmServer.program, words, environment: home.environment, folder: home.folder)
                // Longer than a server may be away.
                try await World.live.sleep(.seconds(63))
                #expect(child.ending == nil, "\(child.errors)")
                try await postgres.kill()
                try await World.live.sleep(.seconds(8))
                #expect(child.ending == nil, "\(child.errors)")
                try await postgres.start()
                try await eventually("it is cancelled", within: .seconds(30)) {
                    try await farm.owner.client.delete("/api/v1/jobs/\(job)").status == 200
                }
                #expect(try await child.end(within: .seconds(60)) == .exited(1), "\(child.errors)")
                #expect(child.output.contains("cancelled"), "\(child.output)")
            }
        }
    }
}
