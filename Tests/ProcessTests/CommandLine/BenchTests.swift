import Bytes
import Foundation
import Support
import Testing

@testable import hatchfarm

@Suite("hatchfarm bench", .timeLimit(.minutes(3)))
struct BenchTests {
    private func bench(_ arguments: String..., code: Int32 = 0) async throws -> ChildProcess {
        let child = try await ChildProcess(
            FarmServer.program, ["bench"] + arguments + ["--connections", "4", "--rounds", "1", "--seconds", "1"])
        #expect(try await child.end(within: .seconds(120)) == .exited(code), "\(arguments): \(child.errors)")
        return child
    }

    private func figures(_ child: ChildProcess) throws -> [String: JSON] {
        let report = try JSON(parsing: Array(child.output.utf8))
        let figures = report["figures"]?.array ?? []
        return Dictionary(
            uniqueKeysWithValues: figures.compactMap { figure in figure["name"]?.string.map { ($0, figure) } })
    }

    private func expectRatio(_ name: String, in figures: [String: JSON]) throws {
        let figure = try #require(figures[name], "\(name)")
        let (median, raw) = (figure["median"]?.double ?? 0, figure["raw"]?.double ?? 0)
        #expect(median > 0 && raw > 0, "\(name): \(figure)")
        let ratio = try #require(figure["ratio"]?.double)
        #expect(abs(ratio - median / raw) < 0.001 * ratio, "\(name): \(figure)")
    }

    @Test("each figure of the raw limits' scenarios is a ratio too", arguments: TestDatabase.all)
    func ratios(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        let scenarios = [
            "submit": ["submit", "submit, server CPU"], "submit-batch": ["submit-batch"],
            "claim-finish": ["claim-finish"], "claim-finish-single": ["claim-finish-single"],
            "heartbeats": ["heartbeats"], "money": ["paid result", "paid singly result"],
        ]
        for (scenario, names) in scenarios {
            let child = try await bench(scenario, "--floor", "--json", "--database", url, "--jobs", "800")
            let found = try figures(child)
            for name in names { try expectRatio(name, in: found) }
        }
        if database == .postgres {
            let schemas = try await TestDatabase.psql(
                url, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'hatchfarm_bench%'")
            #expect(schemas.contains("0"))
        }
    }

    @Test("what is written to a file for a job is more than what is kept")
    func writes() async throws {
        // Not where files are in memory: there nothing is written.
        let folder = "/var/tmp/hatchfarm-bench-tests-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let child = try await bench(
            "writes", "--floor", "--json", "--database", "sqlite:\(folder)/farm", "--jobs", "4000")
        let found = try figures(child)
        for name in ["written a job, by 100", "written a job, one by one"] {
            try expectRatio(name, in: found)
            #expect((found[name]?["ratio"]?.double ?? 0) > 1, "\(name)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
    }

    @Test("the table has the two columns only with the raw limits")
    func columns() async throws {
        let path = "sqlite:" + Scratch.path("farm")
        let with = try await bench("submit", "--floor", "--database", path).output
        #expect(with.contains("raw limits: 1 connection to a plain queue"))
        #expect(with.contains(#/figure +median +lowest +highest +unit +raw +ratio\n/#))
        #expect(with.contains(#/submit p50 .* ms +– +–\n/#))
        let without = try await bench("submit", "--database", path).output
        #expect(without.contains(#/figure +median +lowest +highest +unit\n/#) && !without.contains("raw"))
    }

    @Test("what can't be measured is said")
    func refused() async throws {
        let server = try await bench("submit", "--floor", "--server", "http://127.0.0.1:1", code: 64)
        #expect(server.errors.contains("--floor"))
        let volatile = try await bench("submit", "--floor", "--database", "sqlite::memory:", code: 64)
        #expect(volatile.errors.contains("durable"))
        let memory = try await bench("writes", "--database", "sqlite::memory:", code: 64)
        #expect(memory.errors.contains("SQLite file"))
        _ = try await bench("heartbeats", "--engine", code: 64)
    }

    @Test("a ratio is the median of the rounds' own ratios")
    func median() {
        var settings = BenchSettings()
        settings.rawConnections = 1
        let machine = MachineReport(
            cores: 2, processor: "x", kernel: "y", memoryBytes: 1, database: "SQLite", syncMilliseconds: nil)
        var report = BenchReport(surface: "http", machine: machine, settings: settings)
        // A slow round is slow on both sides.
        for (value, base) in [(300.0, 100.0), (10, 5), (900, 450)] {
            let reading = Reading(name: "submit", unit: .perSecond, value: value).against(base)
            report.add([reading, Reading(name: "alone", unit: .milliseconds, value: value)])
        }
        let figures = report.json["figures"]?.array ?? []
        let figure = figures.first
        #expect(figure?["median"]?.double == 300 && figure?["raw"]?.double == 100 && figure?["ratio"]?.double == 2)
        #expect(figures.last?["raw"] == .null && figures.last?["ratio"] == .null)
        #expect(Reading(name: "a", unit: .ratio, value: 1, base: 2).against(nil).base == 2)
    }

    @Test("with the raw limits all is what has a ratio or a bound")
    func all() {
        let names = Scenario.all.expanded(withRawLimits: true)
        #expect(names.contains(.heartbeats) && names.contains(.writes) && !names.contains(.claimDepth))
        #expect(!Scenario.all.expanded(withRawLimits: false).contains(.money))
        #expect(Scenario.money.expanded(withRawLimits: true) == [.money])
    }
}
