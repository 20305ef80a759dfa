internal import ArgumentParser
internal import Bytes

/// A command's manual page (section 1), generated from ArgumentParser's metadata.
struct ManualPage: Sendable {
    /// `hatchfarm-job-submit`
    let name: String
    /// The page as roff, with the man(7) macros.
    let roff: String

    /// The pages of all commands that are not hidden.
    static func all() throws(Failure) -> [ManualPage] {
        guard let json = try? JSON(parsing: Array(Hatchfarm._dumpHelp().utf8), limits: .init(depth: 64, keys: 100_000)),
            let command = json["command"]
        else { throw .unexpected("cannot list the commands") }
        return pages(of: command, above: [])
    }

    private static func pages(of command: JSON, above: [String]) -> [ManualPage] {
        guard let name = command["commandName"]?.string, name != "help", command["shouldDisplay"] != false else {
            return []
        }
        let path = above + [name]
        let below = command["subcommands"]?.array ?? []
        return [ManualPage(command, path)] + below.flatMap { pages(of: $0, above: path) }
    }

    private init(_ command: JSON, _ path: [String]) {
        name = path.joined(separator: "-")
        let arguments = (command["arguments"]?.array ?? []).filter { $0["shouldDisplay"] != false }
        let below = (command["subcommands"]?.array ?? []).filter {
            $0["shouldDisplay"] != false && $0["commandName"] != "help"
        }
        var text = Roff()
        text.title(name, version: Version.text)
        text.section("NAME")
        text.line("\(name) \\- \(Roff.escaped(Self.phrase(command["abstract"]?.string ?? "")))")
        text.section("SYNOPSIS")
        text.line("\\fB\(Roff.escaped(path.joined(separator: " ")))\\fR")
        for argument in arguments { text.line(Self.usage(argument)) }
        if !below.isEmpty { text.line("\\fIcommand\\fR ...") }
        text.discussion(command["discussion"]?.string ?? "")
        if !arguments.isEmpty {
            text.section("OPTIONS")
            for argument in arguments { text.item(Self.names(argument), Self.help(argument)) }
        }
        if !below.isEmpty {
            text.section("COMMANDS")
            for other in below {
                let word = other["commandName"]?.string ?? ""
                text.item("\\fB\(Roff.escaped("\(name)-\(word)"))\\fR(1)", other["abstract"]?.string ?? "")
            }
        }
        if path.count > 1 {
            text.section("SEE ALSO")
            text.line("\\fB\(Roff.escaped(path.dropLast().joined(separator: "-")))\\fR(1)")
        }
        roff = text.text
    }

    /// Without the full stop, as expected by `whatis`.
    private static func phrase(_ text: String) -> String {
        text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    private static func usage(_ argument: JSON) -> String {
        let value = "\\fI\(Roff.escaped(argument["valueName"]?.string ?? "value"))\\fR"
        let word =
            switch argument["kind"] {
            case "positional": value
            case "flag": "\\fB\(preferred(argument))\\fR"
            default: "\\fB\(preferred(argument))\\fR \(value)"
            }
        let dots = argument["isRepeating"] == true ? " ..." : ""
        return argument["isOptional"] == true ? "[\(word)]\(dots)" : "\(word)\(dots)"
    }

    private static func preferred(_ argument: JSON) -> String {
        argument["preferredName"].map(flag) ?? ""
    }

    private static func names(_ argument: JSON) -> String {
        let value = "\\fI\(Roff.escaped(argument["valueName"]?.string ?? "value"))\\fR"
        guard argument["kind"] != "positional" else { return value }
        let names = (argument["names"]?.array ?? []).map { "\\fB\(flag($0))\\fR" }.joined(separator: ", ")
        return argument["kind"] == "flag" ? names : "\(names) \(value)"
    }

    private static func flag(_ name: JSON) -> String {
        Roff.escaped((name["kind"] == "long" ? "--" : "-") + (name["name"]?.string ?? ""))
    }

    private static func help(_ argument: JSON) -> String {
        var parts = [argument["abstract"]?.string ?? ""]
        if let values = argument["allValues"]?.array?.compactMap(\.string), !values.isEmpty {
            parts.append("One of: \(values.joined(separator: ", ")).")
        }
        if let value = argument["defaultValue"]?.string, argument["kind"] != "flag" {
            parts.append("Default: \(value).")
        }
        return parts.filter { !$0.isEmpty }.joined(separator: " ")
    }
}
