import Bytes
import Domain
import Foundation
import Support
import Testing
import Wire

@testable import hatchfarm

@Suite("The rules an owner signs")
struct PolicyFileTests {
    private func file(_ text: String) throws -> PolicyFile {
        let path = Scratch.path("rules.json")
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return try PolicyFile(path)
    }

    @Test("good rules are kept as they are written")
    func good() throws {
        let text = #"{"max_cpu_percent":50,"timezone":"Europe/Zurich","allowed_hours":[0,1,22],"network":true}"#
        let policy = try file(text)
        #expect(policy.json.text(.compact) == text)
        #expect(policy.allowsNetwork)
        #expect(try !file(#"{"max_cpu_percent":1}"#).allowsNetwork)
    }

    @Test(
        "a wrong rule is told by its name before anything is sent",
        arguments: [
            ("{}", "max_cpu_percent"), (#"{"max_cpu_percent":101}"#, "max_cpu_percent"),
            (#"{"max_cpu_percent":50,"max_cpu":1}"#, "max_cpu"),
            (#"{"max_cpu_percent":50,"allowed_hours":[24]}"#, "hours"),
            (#"{"max_cpu_percent":50,"timezone":"Mars/Olympus"}"#, "timezone"), ("nonsense", "JSON"),
            (#"{"max_cpu_percent":50,"isolation":"iron"}"#, "isolation"), ("[]", "object"),
        ])
    func bad(text: String, name: String) throws {
        do {
            _ = try file(text)
            Issue.record("\(text) was taken")
        } catch let failure as Failure {
            #expect(failure.exitCode == 64 && failure.message.contains(name), "\(failure.message)")
        }
    }

    @Test("what is offered is cut to what the rules leave of the machine")
    func capacity() {
        var offer = MachineOffer()
        offer.capacity = Capacity(cpuCores: 4_096, memoryGB: 65_536, gpus: 2)
        var rules = PolicyRules(maxCPUPercent: 50)
        rules.maxMemoryPercent = 25
        rules.maxGPUPercent = 0
        let left = offer.capacity(under: rules)
        #expect(left.milliCores == Int64(Hardware.cores) * 500)
        #expect(left.memoryMiB == Int64(Hardware.memoryBytes >> 20) / 4)
        #expect(left.gpus == 0)
        for (percent, lent) in [(Int64(49), Int64(0)), (50, 1), (99, 1), (100, 2)] {
            rules.maxGPUPercent = percent
            #expect(offer.capacity(under: rules).gpus == lent, "\(percent) %")
        }
        offer.capacity = Capacity(cpuCores: 0.1, memoryGB: 0.1, gpus: 2)
        #expect(offer.capacity(under: PolicyRules(maxCPUPercent: 100)) == offer.capacity)
    }
}
