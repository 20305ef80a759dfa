internal import AsyncHTTPClient
internal import Bytes
internal import NIOCore
internal import NIOHTTP1

/// What we ask of issuers: JSON of at most 1 MB, within 5 s, from the very address that was asked.
struct IssuerLine: Sendable {
    private static let limit = 1 << 20
    private static let patience = Duration.seconds(5)

    /// Never shut down: it lives as long as the process.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5), read: .seconds(5)))
        configuration.connectionPool.idleTimeout = .seconds(10)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    let world: World

    /// Throws `IssuerFault.unavailable`.
    func get(_ url: String) async throws -> JSON {
        let (status, document) = try await send(HTTPClientRequest(url: url))
        guard status == 200 else { throw IssuerFault.unavailable("\(url): status \(status)") }
        return document
    }

    /// - Parameter user: of HTTP's basic authentication.
    func post(
        _ url: String, form: [(String, String)], user: (name: String, password: String)?
    ) async throws -> (status: Int, document: JSON) {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
        if let user {
            // RFC 6749, 2.3.1: both are encoded as in a form first.
            let pair = "\(PercentCoding.encode(user.name)):\(PercentCoding.encode(user.password))"
            request.headers.add(name: "authorization", value: "Basic \(Base64.encode(Array(pair.utf8)))")
        }
        request.body = .bytes(ByteBuffer(string: PercentCoding.form(form)))
        return try await send(request)
    }

    private func send(_ request: HTTPClientRequest) async throws -> (status: Int, document: JSON) {
        var request = request
        request.headers.add(name: "accept", value: "application/json")
        let (prepared, url) = (request, request.url)
        do {
            return try await withThrowingTaskGroup(of: (Int, JSON)?.self) { group in
                group.addTask {
                    let response = try await Self.client.execute(prepared, deadline: .distantFuture)
                    let body = try await response.body.collect(upTo: Self.limit)
                    return (Int(response.status.code), try JSON(parsing: Array(body.readableBytesView)))
                }
                group.addTask { [world] in
                    try await world.sleep(Self.patience)
                    return nil
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next().flatMap(\.self) else {
                    throw IssuerFault.unavailable("\(url): no answer in \(Self.patience)")
                }
                return answer
            }
        } catch let fault as IssuerFault {
            throw fault
        } catch {
            throw IssuerFault.unavailable("\(url): \(error)")
        }
    }
}
