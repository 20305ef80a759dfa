package import Bytes
internal import Glibc

/// A run that a batch system starts, maybe on another machine that sees the same folder: a script to hand over, the
/// files that it writes, and what it ended with. Nothing of the job stands in the script, and the script writes nothing
/// outside the run's folder.
package struct BatchRun: Sendable {
    /// The run's folder: where the script is to be started.
    package let folder: String
    /// Takes what the script itself and the batch system say. The job can't write to it.
    package let complaints: String
    package let script: String
    package let output: String
    private let exit: String
    private let marker: String
    private let limits: SandboxLimits

    /// Bytes of output that are kept on disk; what comes after is thrown away.
    private static let outputBytes = 64 << 20

    init(in folder: JobFolder, marker: String, limits: SandboxLimits) {
        self.folder = folder.path
        script = "\(folder.path)/batch"
        output = "\(folder.path)/output"
        complaints = "\(folder.path)/complaints"
        exit = "\(folder.path)/exit"
        self.marker = marker
        self.limits = limits
    }

    /// `words` get no environment, the one line that lets the start script go on, and one pipe for what they say, whose
    /// end is `output`. What they end with is also left in a file: a batch system forgets jobs.
    func writeScript(running words: [String]) throws(FileProblem) {
        let exit = Program.quoted(exit)
        let text = """
            #!/bin/bash
            ulimit -c 0
            /usr/bin/env -i \(words.map(Program.quoted).joined(separator: " ")) 2>&1 < <(echo) |
                { /usr/bin/prlimit --fsize=\(Self.outputBytes) cat; exec cat > /dev/null; } \
            > \(Program.quoted(output)) 2> /dev/null
            code=${PIPESTATUS[0]}
            printf '%s\\n' "$code" > \(exit).new && mv \(exit).new \(exit)
            exit "$code"

            """
        let file = try Descriptor(script, O_WRONLY | O_CREAT | O_EXCL, mode: 0o500)
        try file.write(Array(text.utf8))
    }

    /// The output from its beginning, to be read as it grows.
    package func follow() -> OutputFile {
        OutputFile(
            output, OutputCapture(marker: marker, logLimit: limits.logBytes, tailLimit: limits.outputBytes),
            limit: Self.outputBytes)
    }

    /// What the script left as the job's exit code, 0–255.
    package var exitCode: Int? {
        guard let file = try? Descriptor(exit, O_RDONLY), let bytes = try? file.read(limit: 8),
            let code = Int(String(decoding: bytes, as: UTF8.self).filter(\.isNumber)), (0...255).contains(code)
        else { return nil }
        return code
    }

    /// The beginning of what the script and the batch system said.
    package var complaint: String {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        guard let file = try? Descriptor(complaints, O_RDONLY) else { return "" }
        let count = bytes.withUnsafeMutableBytes { Glibc.pread(file.raw, $0.baseAddress, $0.count, 0) }
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
    }
}

extension Sandbox {
    /// Walls for machines like this one. That they stand there is to be tried there.
    /// - Parameter state: a folder that those machines see, for the filter of system calls. They have this one's
    ///   processors.
    package static func elsewhere(in state: StateFolder, world: World = .live) throws(FileProblem) -> Sandbox {
        var bubblewrap = Bubblewrap(canDisableUserNamespaces: true)
        bubblewrap.filter = try state.writeFilter(world)
        return Sandbox(kind: .bubblewrap(bubblewrap), groups: nil, world: world)
    }

    /// How a program ends that nobody can run.
    package func refusal(of program: Program) -> End? {
        program.problem.map {
            End(cause: .exited(127), output: $0, isOutputTruncated: false, durationMilliseconds: 0)
        }
    }

    /// Writes what a batch system needs to run `program` as `run` would, which must be one that can be run.
    package func prepareBatch(
        _ program: Program, in folder: JobFolder, limits: SandboxLimits
    ) throws(Failure) -> BatchRun {
        let marker = Hex.encode(world.random(16))
        let batch = BatchRun(in: folder, marker: marker, limits: limits)
        let launch = Launch(kind: kind, group: nil, folder: folder, limits: limits, proxySocket: nil)
        do {
            try prepare(program, marker: marker, in: folder, limits: limits, hasProxy: false)
            try batch.writeScript(running: ["PATH=\(Self.searchPath)"] + launch.words)
        } catch {
            throw .files(error)
        }
        return batch
    }
}
