import Foundation
import Support
import Testing

/// A page of `Ops/tour`: how its server is started, commands for bash, and below them what they print. In that `…`
/// stands for anything within a line, and a line of it alone for any lines.
struct TourPage {
    struct Step: Equatable {
        let commands: String
        var answer = ""
    }

    private(set) var environment: [String: String] = [:]
    private(set) var steps: [Step] = []

    init(_ text: String) throws {
        for block in text.matches(of: #/(?ms)^```(\w+)\n(.*?)^```$/#) {
            let body = String(block.output.2)
            switch (block.output.1, steps.last?.answer) {
            case ("console", nil):
                for line in body.matches(of: #/(?m)^\$ export (\w+)=(\S+)$/#) {
                    environment[String(line.output.1)] = String(line.output.2)
                }
                guard body.hasSuffix("\n$ hatchfarm serve\n") else { throw ToolFailure("no server: \(body)") }
            case ("sh", _): steps.append(Step(commands: body))
            case ("text", ""?): steps[steps.count - 1].answer = body
            default: throw ToolFailure("a block that is in nobody's order: \(block.output.0)")
            }
        }
        guard !steps.isEmpty else { throw ToolFailure("nothing to paste") }
    }

    /// All of its commands in one shell, at this server. Fails when one of them does.
    func run(at server: String) async throws -> [String] {
        let mark = "\u{1E}"
        let script = Scratch.path("tour.sh")
        let text = steps.map { "\($0.commands)printf '\\036'\n" }.joined()
        try Data(text.utf8).write(to: URL(filePath: script))
        // What the page says of the server has to be what its commands use unasked.
        let variables = environment.mapValues { _ in "" }.merging(["SERVER": server]) { $1 }
        let shell = try await ChildProcess("/bin/bash", ["-euo", "pipefail", script], environment: variables)
        let ending = try await shell.end(within: .seconds(100))
        let printed = shell.output.components(separatedBy: mark)
        guard ending == .exited(0), printed.count == steps.count + 1 else {
            let step = steps.dropFirst(printed.count - 1).first?.commands ?? ""
            throw ToolFailure("\(ending) in:\n\(step)it printed:\n\(printed.last ?? "")\n\(shell.errors)")
        }
        return printed.dropLast()
    }

    /// The steps that printed something else than the page says.
    func differences(from printed: [String]) -> [String] {
        zip(steps, printed).filter { !Self.agree($1, $0.answer) }.map { step, text in
            "\(step.commands)should print:\n\(step.answer)it printed:\n\(text)"
        }
    }

    private static func agree(_ printed: String, _ answer: String) -> Bool {
        func lines(_ text: String) -> ArraySlice<Substring> {
            text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        }
        return agree(lines(printed), lines(answer))
    }

    private static func agree(_ printed: ArraySlice<Substring>, _ answer: ArraySlice<Substring>) -> Bool {
        guard let line = answer.first else { return printed.isEmpty }
        if line.trimmingCharacters(in: .whitespaces) == "…" {
            return (printed.startIndex...printed.endIndex).contains { agree(printed[$0...], answer.dropFirst()) }
        }
        guard let first = printed.first, agree(first, line) else { return false }
        return agree(printed.dropFirst(), answer.dropFirst())
    }

    private static func agree(_ printed: Substring, _ line: Substring) -> Bool {
        var pieces = line.split(separator: "…", omittingEmptySubsequences: false)
        guard pieces.count > 1, let last = pieces.popLast() else { return printed == line }
        guard printed.hasPrefix(pieces.removeFirst()) else { return false }
        var rest = printed.dropFirst(line.prefix { $0 != "…" }.count)
        for piece in pieces where !piece.isEmpty {
            guard let place = rest.firstRange(of: piece) else { return false }
            rest = rest[place.upperBound...]
        }
        return rest.hasSuffix(last)
    }
}
