internal import ArgumentParser
internal import Bytes
internal import Domain

/// `hatchfarm admin customer …`
struct AdminCustomer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "customer",
        abstract: "Makes tokens for customers of the device gateway.",
        discussion: """
            EXAMPLE
              hatchfarm admin customer token --customer acme
            """,
        subcommands: [Token.self])
}

extension AdminCustomer {
    struct Token: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Signs a token for a customer, and prints it.",
            discussion: """
                For development, and for customers without an issuer of their own. It is signed with \
                SUPABASE_JWT_SECRET, which must be that of the server, and can't be revoked before it expires. The \
                database isn't used.

                EXAMPLES
                  hatchfarm admin customer token --customer acme
                  HATCHFARM_CUSTOMER_TOKEN=$(hatchfarm admin customer token --customer acme --days 1)
                """)

        @Option(help: "The customer's id, 1–128 of A–Z, a–z, 0–9, _ . : @ and -.") var customer: String
        @Option(help: "How long it is valid, 1–3650.") var days = 30

        func validate() throws {
            guard OwnerID.isValid(customer) else {
                throw ValidationError("--customer must be 1–128 of A–Z, a–z, 0–9, _ . : @ and -.")
            }
            guard (1...3_650).contains(days) else { throw ValidationError("--days must be 1–3650.") }
        }

        func run() async throws {
            let secret = try Environment().customerSecret
            guard let secret else {
                throw Failure.misconfigured("SUPABASE_JWT_SECRET is missing; set that of the server")
            }
            let now = World.live.now() / 1_000
            Output.line(CustomerToken.text(for: customer, from: now, to: now + Int64(days) * 86_400, secret: secret))
        }
    }
}

/// A customer's token (CONTRACT 6): a JWT, by HMAC with SHA-256 (RFC 7515, 7519).
enum CustomerToken {
    /// - Parameters:
    ///   - issued, expires: seconds since 1970.
    static func text(for customer: String, from issued: Int64, to expires: Int64, secret: [UInt8]) -> String {
        let head: JSON = ["alg": "HS256", "typ": "JWT"]
        let claims: JSON = [
            "sub": .string(customer), "customer_id": .string(customer), "role": "authenticated",
            "aud": "authenticated", "iat": JSON(issued), "exp": JSON(expires),
        ]
        let signed = [head, claims].map { Base64.encodeURL($0.bytes(.compact)) }.joined(separator: ".")
        return "\(signed).\(Base64.encodeURL(HMACSHA256.sign(key: secret, message: Array(signed.utf8))))"
    }
}
