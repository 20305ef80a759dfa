import Glibc

/// A blocking TCP socket on 127.0.0.1.
struct Socket: Sendable {
    let file: Int32

    static func listening(port: Int) throws -> Socket {
        let socket = try Socket.new()
        var one: Int32 = 1
        setsockopt(socket.file, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard socket.with(port, bind) == 0, listen(socket.file, 64) == 0 else {
            let code = errno
            socket.close()
            throw ToolFailure(description: "can't listen on port \(port): \(code)")
        }
        return socket
    }

    static func connected(to port: Int) throws -> Socket {
        let socket = try Socket.new()
        guard socket.with(port, connect) == 0 else {
            socket.close()
            throw ToolFailure(description: "can't connect to port \(port): \(errno)")
        }
        return socket
    }

    private static func new() throws -> Socket {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard file >= 0 else { throw ToolFailure(description: "no socket: \(errno)") }
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        return Socket(file: file)
    }

    var port: Int {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(file, $0, &size) }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    func accepted() -> Socket? {
        let other = accept(file, nil, nil)
        return other < 0 ? nil : Socket(file: other)
    }

    /// Nil at the end or after an error.
    func received() -> [UInt8]? {
        let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { space, count in
            count = max(0, recv(file, space.baseAddress, space.count, 0))
        }
        return bytes.isEmpty ? nil : bytes
    }

    /// Whether all of it could be sent.
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Ends both directions; wakes whoever waits for it.
    func cut() { _ = shutdown(file, Int32(SHUT_RDWR)) }
    func close() { _ = Glibc.close(file) }

    private func with(
        _ port: Int, _ call: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
