internal import CHiredis
internal import Glibc

/// One connection, used from one thread at a time. After an error it is dead.
final class RedisConnection {
    private let context: UnsafeMutablePointer<redisContext>

    /// Connects, authenticates, and sees that the server answers.
    init(_ settings: RedisSettings) throws(RedisError) {
        let wait = Self.timeval(settings.connectTimeoutMilliseconds)
        guard let context = redisConnectWithTimeout(settings.host, settings.port, wait) else {
            throw .unavailable("out of memory")
        }
        self.context = context
        guard context.pointee.err == 0 else { throw .unavailable(Self.text(of: context)) }
        redisSetTimeout(context, Self.timeval(settings.commandTimeoutMilliseconds))
        redisEnableKeepAlive(context)
        if let password = settings.password { _ = try run(["AUTH", password]) }
        _ = try run(["PING"])
    }

    deinit { redisFree(context) }

    /// One command and its answer.
    func run(_ arguments: [String]) throws(RedisError) -> RedisReply {
        try append(arguments)
        return try next().get()
    }

    /// Queues a command for sending; each asks for one `next()`, in order.
    func append(_ arguments: [String]) throws(RedisError) {
        var texts = arguments.map { Array($0.utf8CString) }
        let lengths = texts.map { $0.count - 1 }
        let status = Self.withPointers(&texts) { pointers in
            redisAppendCommandArgv(context, Int32(pointers.count), &pointers, lengths)
        }
        guard status == REDIS_OK else { throw .unavailable(Self.text(of: context)) }
    }

    /// The next answer. Throws when the connection is lost; a server's error is a result.
    func next() throws(RedisError) -> Result<RedisReply, RedisError> {
        var raw: UnsafeMutableRawPointer?
        guard redisGetReply(context, &raw) == REDIS_OK, let raw else { throw .unavailable(Self.text(of: context)) }
        defer { freeReplyObject(raw) }
        return Self.decode(raw.assumingMemoryBound(to: redisReply.self).pointee)
    }

    /// Errors that speak of the server's state, not of our command. READONLY and its like end the connection's
    /// use for writing; they are all treated as Redis being away (CONTRACT 5: closed on failure).
    private static let outages = [
        "LOADING", "READONLY", "NOAUTH", "WRONGPASS", "OOM", "MISCONF", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN",
        "BUSY", "NOPERM", "NOREPLICAS", "ERR AUTH", "ERR invalid password", "ERR Client sent AUTH",
        "ERR max number of clients",
    ]

    private static func decode(_ reply: redisReply) -> Result<RedisReply, RedisError> {
        switch reply.type {
        case REDIS_REPLY_INTEGER: return .success(.integer(reply.integer))
        case REDIS_REPLY_NIL: return .success(.null)
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: return .success(.text(text(of: reply)))
        case REDIS_REPLY_ERROR:
            let message = text(of: reply)
            let isOutage = outages.contains { message.hasPrefix($0) }
            return .failure(isOutage ? .unavailable(message) : .refused(message))
        case REDIS_REPLY_ARRAY:
            var values: [RedisReply] = []
            for index in 0..<Int(reply.elements) {
                guard let element = reply.element?[index]?.pointee else { continue }
                switch decode(element) {
                case .success(let value): values.append(value)
                case .failure(let error): return .failure(error)
                }
            }
            return .success(.array(values))
        default: return .failure(.refused("an answer of an unknown type"))
        }
    }

    private static func text(of reply: redisReply) -> String {
        guard let start = reply.str else { return "" }
        return String(
            decoding: UnsafeRawBufferPointer(start: start, count: Int(reply.len)), as: UTF8.self)
    }

    private static func text(of context: UnsafeMutablePointer<redisContext>) -> String {
        withUnsafeBytes(of: context.pointee.errstr) { bytes in
            let message = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            return message.isEmpty ? "connection lost" : message
        }
    }

    private static func timeval(_ milliseconds: Int) -> Glibc.timeval {
        Glibc.timeval(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
    }

    private static func withPointers<T>(
        _ texts: inout [[CChar]], _ body: (inout [UnsafePointer<CChar>?]) -> T
    ) -> T {
        var pointers: [UnsafePointer<CChar>?] = []
        pointers.reserveCapacity(texts.count)
        func add(_ index: Int) -> T {
            guard index < texts.count else { return body(&pointers) }
            return texts[index].withUnsafeBufferPointer { buffer in
                pointers.append(buffer.baseAddress)
                return add(index + 1)
            }
        }
        return add(0)
    }
}
