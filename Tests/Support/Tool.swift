import Foundation
import Glibc

/// A program that ended badly.
package struct ToolFailure: Error, CustomStringConvertible {
    package let description: String
}

/// Programs that tests need.
package enum Tool {
    /// Runs a program to its end, off Swift's threads; returns what it printed.
    @discardableResult
    package static func run(_ program: String, _ arguments: [String]) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try wait(for: program, arguments) })
            }
        }
    }

    private static func wait(for program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ToolFailure(description: "\(program) \(arguments): \(process.terminationStatus): \(text)")
        }
        return text
    }

    /// A TCP port of 127.0.0.1 that was free a moment ago.
    package static func freePort() throws -> Int {
        let socket = try Socket.listening(port: 0)
        defer { socket.close() }
        return socket.port
    }
}
