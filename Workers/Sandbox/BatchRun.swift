package import Bytes
internal import Glibc

/// A run that a batch system starts, maybe on another machine that shares the folder: a script to submit, and the files
/// that it writes. The script contains no text from the job, and writes only inside the run's folder.
package struct BatchRun: Sendable {
    /// The run's folder, and the script's working directory.
    package let folder: String
    /// The file for errors of the script and of the batch system. The job can't write to it.
    package let errorLog: String
    package let script: String
    package let output: String
    private let exit: String
    private let marker: String
    private let limits: SandboxLimits

    /// Bytes of output that are kept on disk; the rest is discarded.
    private static let outputBytes = 64 << 20

    init(in folder: JobFolder, marker: String, limits: SandboxLimits) {
        self.folder = folder.path
        script = "\(folder.path)/batch"
        output = "\(folder.path)/output"
        errorLog = "\(folder.path)/errors"
        exit = "\(folder.path)/exit"
        self.marker = marker
        self.limits = limits
    }

    /// The command gets an empty environment, the line that the start script waits for, and a pipe to `output`. Its
    /// exit code is also written to a file, as batch systems forget jobs.
    func writeScript(running command: [String]) throws(FileProblem) {
        let exit = Program.quoted(exit)
        let text = """
            #!/bin/bash
            ulimit -c 0
            /usr/bin/env -i \(command.map(Program.quoted).joined(separator: " ")) 2>&1 < <(echo) |
                { /usr/bin/prlimit --fsize=\(Self.outputBytes) cat; exec cat > /dev/null; } \
            > \(Program.quoted(output)) 2> /dev/null
            code=${PIPESTATUS[0]}
            printf '%s\\n' "$code" > \(exit).new && mv \(exit).new \(exit)
            exit "$code"

            """
        let file = try Descriptor(script, O_WRONLY | O_CREAT | O_EXCL, mode: 0o500)
        try file.write(Array(text.utf8))
    }

    /// A reader of the output from its beginning, for use while it grows.
    package func follow() -> OutputFile {
        OutputFile(
            output, OutputCapture(marker: marker, logLimit: limits.logBytes, tailLimit: limits.outputBytes),
            limit: Self.outputBytes)
    }

    /// The job's exit code as written by the script, 0–255.
    package var exitCode: Int? {
        guard let file = try? Descriptor(exit, O_RDONLY), let bytes = try? file.read(limit: 8),
            let code = Int(String(decoding: bytes, as: UTF8.self).filter(\.isNumber)), (0...255).contains(code)
        else { return nil }
        return code
    }

    /// The beginning of the error log.
    package var errors: String {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        guard let file = try? Descriptor(errorLog, O_RDONLY) else { return "" }
        let count = bytes.withUnsafeMutableBytes { Glibc.pread(file.raw, $0.baseAddress, $0.count, 0) }
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
    }
}

extension Sandbox {
    /// A sandbox for other machines of the same architecture. Whether it works there must be tested there.
    /// - Parameter state: a folder that they share, for the system call filter.
    package static func remote(in state: StateFolder, world: World = .live) throws(FileProblem) -> Sandbox {
        var bubblewrap = Bubblewrap(canDisableUserNamespaces: true)
        bubblewrap.filter = try state.writeFilter(world)
        return Sandbox(kind: .bubblewrap(bubblewrap), groups: nil, world: world)
    }

    /// The result for a program that can't be run; `nil` if it can.
    package func refusal(of program: Program) -> End? {
        program.problem.map {
            End(cause: .exited(127), output: $0, isOutputTruncated: false, durationMilliseconds: 0)
        }
    }

    /// Writes what a batch system needs to run `program` as `run` would. Check `refusal(of:)` first.
    package func prepareBatch(
        _ program: Program, in folder: JobFolder, limits: SandboxLimits
    ) throws(Failure) -> BatchRun {
        let marker = Hex.encode(world.random(16))
        let batch = BatchRun(in: folder, marker: marker, limits: limits)
        let launch = Launch(kind: kind, group: nil, folder: folder, limits: limits, proxySocket: nil)
        do {
            try prepare(program, marker: marker, in: folder, limits: limits, hasProxy: false)
            try batch.writeScript(running: ["PATH=\(Self.searchPath)"] + launch.commandLine)
        } catch {
            throw .files(error)
        }
        return batch
    }
}
