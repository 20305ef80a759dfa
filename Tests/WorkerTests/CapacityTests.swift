import Bytes
import Domain
import Testing
import Wire

@Suite("A capacity in JSON")
struct CapacityTests {
    private func read(_ text: String) throws -> Capacity {
        try Capacity(Fields(JSON(parsing: text)))
    }

    @Test("cores are rounded to thousandths, GB to MiB")
    func rounding() throws {
        let capacity = try read(#"{"cpu_cores":1.001,"memory_gb":1,"gpu":2,"labels":["a"],"isolation":"vm"}"#)
        #expect(
            capacity == Capacity(milliCores: 1_001, memoryMiB: 954, gpus: 2, labels: ["a"], isolation: .vm))
        #expect(try read(#"{"cpu_cores":0.0004,"memory_gb":0.0005}"#) == Capacity(milliCores: 0, memoryMiB: 0))
        #expect(try read(#"{"cpu_cores":4096,"memory_gb":65536}"#).memoryMiB == 62_500_000)
        #expect(try read("{}") == Capacity())
        #expect(Capacity.milliCores(.nan) == 0 && Capacity.milliCores(.infinity) == 4_096_000)
        #expect(Capacity.memoryMiB(-1) == 0)
    }

    @Test("the other end reads the same MiB, and an owner sees the hundredths of a GB that were asked for")
    func exact() throws {
        for memory in Int64(0)...20_000 {
            let capacity = Capacity(milliCores: memory, memoryMiB: memory)
            #expect(try Capacity(Fields(capacity.json)) == capacity)
        }
        for hundredths in Int64(0)...20_000 {
            let memory = Capacity.memoryMiB(Double(hundredths) / 100)
            #expect(JSON.gigabytes(memory) == .number(Money.decimal(hundredths, decimals: 2)))
        }
        #expect(JSON.cores(2_500) == .number("2.5"))
    }

    @Test("labels have 1 to 64 printable characters, whatever bytes they take")
    func labels() throws {
        let longest = String(repeating: "é", count: 64)
        #expect(try read(#"{"labels":["\#(longest)","eu west"]}"#).labels == [longest, "eu west"])
        for wrong in ["", longest + "é", #"a\nb"#, #"\u2028"#, #"\u007f"#] {
            #expect(throws: FieldError.self, "\(wrong)") { try read(#"{"labels":["\#(wrong)"]}"#) }
        }
        let many = Array(repeating: #""a""#, count: 65).joined(separator: ",")
        #expect(throws: FieldError.self) { try read(#"{"labels":[\#(many)]}"#) }
    }
}
