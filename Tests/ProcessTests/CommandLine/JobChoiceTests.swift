import Bytes
import Foundation
import Support
import Testing

@testable import hatchfarm

/// Lists of some jobs, and the end of many at once.
@Suite("Choosing jobs", .timeLimit(.minutes(3)))
struct JobChoiceTests {
    @Test("a list is of a time, with its cursors, on the API and by the command")
    func periods() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server, as: "alice")
            var ids: [String] = []
            var times: [Int64] = []
            for number in 0..<6 {
                times.append(World.live.now())
                try await World.live.sleep(.milliseconds(30))
                ids.append(try await farm.owner.submitted("job \(number)"))
                try await World.live.sleep(.milliseconds(30))
            }
            let period = "since=\(RFC3339.format(times[1]))&until=\(RFC3339.format(times[5]))"
            for status in ["", "&status=pending"] {
                var found: [String] = []
                var cursor: String?
                repeat {
                    let query = period + status + "&limit=2" + (cursor.map { "&cursor=\($0)" } ?? "")
                    let page = try await farm.owner.client.get("/api/v1/jobs?\(query)").expecting(200).json
                    let jobs = page["jobs"]?.array ?? []
                    #expect(jobs.count <= 2)
                    found += jobs.compactMap { $0["id"]?.string }
                    cursor = page["next_cursor"]?.string
                } while cursor != nil
                #expect(found == [ids[4], ids[3], ids[2], ids[1]])
            }
            for wrong in ["since=yesterday", "until=2026-13-01T00:00:00Z"] {
                _ = try await farm.owner.client.get("/api/v1/jobs?\(wrong)").expecting(422)
            }
            let list = try await home.run("job", "list", "--since", RFC3339.format(times[4]), "--limit", "1")
            #expect(
                list.code == 0 && list.output.contains(ids[5]) && list.output.contains("more: --cursor "), "\(list)")
            #expect(try await home.run("job", "list", "--until", "1h").output.contains("job ") == false)
            #expect(try await home.run("job", "list", "--since", "1h").output.contains("job 0"))
            let wrong = try await home.run("job", "list", "--since", "soon")
            #expect(wrong.code == 64 && wrong.errors.contains("--since takes a time"), "\(wrong)")
        }
    }

    @Test("many are cancelled by their ids or by what they are, and can be counted before")
    func cancel() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server, as: "alice")
            var nightly: [String] = []
            for number in 0..<130 {
                nightly.append(try await farm.owner.submitted("night \(number)", [.init("queue", "nightly")]))
            }
            let other = try await farm.owner.submitted("other")
            let waiting = try await farm.owner.submitted("waits", [.init("depends_on", [.string(other)])])

            let dry = try await home.run("job", "cancel", "--queue", "nightly", "--dry-run")
            #expect(dry.code == 0 && dry.output == "130 would be cancelled\n", "\(dry)")
            let json = try await home.run("job", "cancel", "--title", "night 12", "--dry-run", "--json")
            #expect(json.output == "{\"count\":11}\n", "\(json)")
            #expect(try await farm.owner.status(of: nightly[0]) == "pending")

            let nobody = "01890000-0000-7000-8000-000000000000"
            let some = try await home.run("job", "cancel", nightly[0], nobody, nightly[1])
            #expect(some.code == 5 && some.errors.contains("2 of 3 cancelled"), "\(some)")
            #expect(try await farm.owner.status(of: nightly[1]) == "cancelled")

            let all = try await home.run("job", "cancel", "--queue", "nightly")
            #expect(all.code == 0 && all.output.hasSuffix("\n128 cancelled\n"), "\(all.errors)")
            for id in nightly { #expect(try await farm.owner.status(of: id) == "cancelled") }
            #expect(try await farm.owner.status(of: other) == "pending")
            let blocked = try await home.run("job", "cancel", "--status", "blocked")
            #expect(blocked.output == "\(waiting) cancelled\n1 cancelled\n", "\(blocked)")
            #expect(try await home.run("job", "cancel", "--all").output.contains(other))
            for wrong in [["job", "cancel"], ["job", "cancel", other, "--all"], ["job", "cancel", "--dry-run"]] {
                #expect(try await home.run(wrong).code == 64, "\(wrong)")
            }
        }
    }

    @Test("a list of what matches goes on through the server's pages, and where it stopped")
    func matches() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server, as: "alice")
            var reports: [String] = []
            for number in 0..<230 {
                let (title, queue) = number % 100 == 7 ? ("report \(number)", "nightly") : ("other", "default")
                let id = try await farm.owner.submitted(title, [.init("queue", .string(queue))])
                if queue == "nightly" { reports.append(id) }
            }
            let all = try await home.run("job", "list", "--queue", "nightly")
            #expect(reports.allSatisfy(all.output.contains) && !all.output.contains("other"), "\(all)")
            var found: [String] = []
            var cursor: [String] = []
            repeat {
                let page = try await home.run(
                    ["job", "list", "--title", "report", "--limit", "1", "--json"] + cursor)
                let json = try JSON(parsing: page.output)
                found += json["jobs"]?.array?.compactMap { $0["id"]?.string } ?? []
                cursor = json["next_cursor"]?.string.map { ["--cursor", $0] } ?? []
            } while !cursor.isEmpty && found.count < 10
            #expect(found == reports.reversed())
            let none = try await home.run("job", "list", "--title", "report", "--queue", "default")
            #expect(none.code == 0 && !none.output.contains("report"), "\(none)")
            #expect(try await home.run("job", "list", "--limit", "0").code == 64)
        }
    }

    @Test("ended jobs are deleted; one that hasn't ended is left, and said")
    func delete() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server, as: "alice")
            var ids: [String] = []
            for number in 0..<3 { ids.append(try await farm.owner.submitted("job \(number)")) }
            _ = try await home.run("job", "cancel", ids[0], ids[1])
            let some = try await home.run("job", "delete", ids[0], ids[2], ids[1])
            #expect(some.code != 0 && some.errors.contains("2 of 3 deleted"), "\(some)")
            #expect(some.output == "\(ids[0]) deleted\n\(ids[1]) deleted\n")
            for id in ids[..<2] { _ = try await farm.owner.client.get("/api/v1/jobs/\(id)").expecting(404) }
            #expect(try await farm.owner.status(of: ids[2]) == "pending")
            let gone = try await home.run("job", "delete", ids[0])
            #expect(gone.code == 5 && gone.errors.contains("job"), "\(gone)")
        }
    }

    @Test("times are taken as people write them")
    func times() {
        let now: Int64 = 1_800_000_000_000
        #expect(PeriodOptions.instant("2h", now: now) == now - 7_200_000)
        #expect(PeriodOptions.instant("0s", now: now) == now)
        #expect(PeriodOptions.instant("7d", now: now) == now - 604_800_000)
        #expect(PeriodOptions.instant("2026-01-31", now: now) == RFC3339.parse("2026-01-31T00:00:00Z"))
        #expect(PeriodOptions.instant("2026-01-31T12:00:00+02:00", now: now) == RFC3339.parse("2026-01-31T10:00:00Z"))
        for text in ["", "h", "-1h", "1 h", "99999999999999999999d", "1w", "2026-02-30", "today"] {
            #expect(PeriodOptions.instant(text, now: now) == nil, "\(text)")
        }
    }
}
