/// What Redis did not do for us.
package enum RedisError: Error, Sendable, Equatable {
    /// No answer in time, no connection, or a server that can't serve now (LOADING, READONLY, NOAUTH, OOM and their
    /// like). Whether the command took effect is not known.
    case unavailable(String)
    /// The server understood and said no: our bug.
    case refused(String)
}

package enum RedisReply: Sendable, Equatable {
    case null
    case integer(Int64)
    case text(String)
    case array([RedisReply])
}

/// How Redis is, for `/readyz` and the metrics.
package struct RedisHealth: Sendable, Equatable {
    package let isHealthy: Bool
    package let pingMicroseconds: Int64
    package let error: String?

    package init(isHealthy: Bool, pingMicroseconds: Int64, error: String?) {
        self.isHealthy = isHealthy
        self.pingMicroseconds = pingMicroseconds
        self.error = error
    }
}

package struct RedisSettings: Sendable {
    package var host: String
    package var port: Int32
    package var password: String?
    package var connectTimeoutMilliseconds: Int = 200
    package var commandTimeoutMilliseconds: Int = 250
    /// How long after a failure the next attempt to reach the server is made.
    package var probeMilliseconds: Int = 250
    /// Commands that may wait; the next is refused as unavailable.
    package var queueLimit = 1_024

    package init(host: String, port: Int32, password: String? = nil) {
        self.host = host
        self.port = port
        self.password = password
    }

    /// `host`, `host:port` or `[v6]:port`, as `REDIS_ADDR` has it; nil when it is none of them. Port 6379 if unnamed.
    package init?(address: String, password: String? = nil) {
        var host = Substring(address)
        var port: Int32 = 6_379
        if let colon = address.lastIndex(of: ":"), address.last != "]",
            address.first == "[" || address.firstIndex(of: ":") == colon
        {
            guard let number = Int32(address[address.index(after: colon)...]), (1...65_535).contains(number) else {
                return nil
            }
            port = number
            host = address[..<colon]
        }
        if host.first == "[" {
            guard host.last == "]" else { return nil }
            host = host.dropFirst().dropLast()
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port, password: password?.isEmpty == true ? nil : password)
    }
}
