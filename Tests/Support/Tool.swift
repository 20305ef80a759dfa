import Bytes
import Foundation
import Glibc
import Synchronization

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

    /// Below those that the kernel gives to clients: any of these may be a client's before the server takes it.
    private static let ports = 20_000..<32_000

    /// From a random one on, as other processes look for ports too; one after the other, so that none is given twice.
    private static let lastPort = Mutex(World.live.random(4).reduce(0) { $0 << 8 | Int($1) })

    /// A TCP port of 127.0.0.1 that was free a moment ago.
    package static func freePort() throws -> Int {
        for _ in ports {
            let number = lastPort.withLock { last in
                last += 1
                return last
            }
            let port = ports.lowerBound + number % ports.count
            guard let socket = try? Socket.listening(port: port) else { continue }
            socket.close()
            return port
        }
        throw ToolFailure(description: "no port is free")
    }
}
