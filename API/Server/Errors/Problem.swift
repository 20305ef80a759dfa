package import Bytes
package import Domain
package import HTTPTypes

/// Why a call was not done, before a system gives it its words. A 4xx or a 503 promises that nothing happened
/// (CONTRACT 2).
package struct Problem: Error, Sendable {
    package var status: HTTPResponse.Status
    /// Snake case; systems that shout do so by themselves.
    package var code: String
    /// For the caller: names nothing internal.
    package var message: String
    /// The field that is wrong, as its path in the body.
    package var field: String?
    package var details: JSON?
    package var headers: HTTPFields

    package init(
        _ status: HTTPResponse.Status, _ code: String, _ message: String, field: String? = nil,
        details: JSON? = nil, headers: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.details = details
        self.headers = headers
    }
}

extension Problem {
    package static func invalid(_ field: String, _ message: String) -> Problem {
        Problem(.badRequest, "invalid_field", message, field: field)
    }

    /// Amounts in minor units.
    package static func insufficientFunds(_ asset: Asset, needed: Int64, available: Int64) -> Problem {
        func decimal(_ units: Int64) -> String { Money.decimal(units, decimals: asset.decimals) }
        return Problem(
            .badRequest, "insufficient_funds",
            "this needs \(decimal(needed)) \(asset.rawValue), and \(decimal(available)) is available")
    }

    package static func unauthorized(_ message: String, code: String = "unauthorized") -> Problem {
        Problem(.unauthorized, code, message, headers: [.wwwAuthenticate: "Bearer"])
    }

    package static func forbidden(_ message: String, code: String = "forbidden") -> Problem {
        Problem(.forbidden, code, message)
    }

    /// `what` with its article or name: "job", "no such path".
    package static func notFound(_ what: String) -> Problem {
        Problem(.notFound, "not_found", "\(what) not found")
    }

    package static func tooLarge(limit: Int) -> Problem {
        Problem(.contentTooLarge, "body_too_large", "the body is larger than \(limit) bytes")
    }

    /// Packed content that was refused; `limit` in unpacked bytes.
    package static func undecodable(_ error: ZstdError, limit: Int) -> Problem {
        switch error {
        case .tooLarge: .tooLarge(limit: limit)
        case .overRatio:
            Problem(
                .contentTooLarge, "packed_too_tightly",
                "the body unpacks to over \(Zstd.ratio) times its size, which is the limit beyond "
                    + "\(Zstd.ratioFloor) bytes; send it without Content-Encoding")
        case .corrupt, .truncated, .outOfMemory:
            Problem(.badRequest, "corrupt_body", "the body is no whole zstd frame")
        }
    }

    package static func unsupportedMedia(_ message: String) -> Problem {
        Problem(.unsupportedMediaType, "unsupported_media_type", message)
    }

    package static func tooMany(retryAfter seconds: Int) -> Problem {
        Problem(
            .tooManyRequests, "rate_limited", "too many requests; try again in \(seconds) s",
            headers: [.retryAfter: String(seconds)])
    }

    package static func unavailable(_ message: String, code: String = "unavailable") -> Problem {
        Problem(.serviceUnavailable, code, message, headers: [.retryAfter: "1"])
    }

    static let `internal` = Problem(
        .internalServerError, "internal", "something went wrong on our side; the request id names it in our log")
}
