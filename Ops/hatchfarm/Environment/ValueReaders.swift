internal import API
internal import Bus
internal import Domain
internal import Logging
internal import Store

extension ValueReader where Value == String {
    static var text: Self { Self("text", parse: { $0 }) }

    /// A bearer token: valid in a header, and hard to guess.
    static var bearer: Self {
        Self("16–255 visible ASCII characters") { text in
            (16...255).contains(text.utf8.count) && text.utf8.allSatisfy { 0x21...0x7E ~= $0 } ? text : nil
        }
    }

    static var database: Self {
        Self("sqlite:PATH or postgres://…, with @ : / ? # and % of a password as %40 %3A %2F %3F %23 and %25") { url in
            guard DatabaseURL.isClear(url) else { return nil }
            let isFile = url.hasPrefix("sqlite:") && url.utf8.count > "sqlite:".utf8.count
            return isFile || url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") ? url : nil
        }
    }

    /// Scheme, host and port, without a trailing slash.
    static var origin: Self {
        Self("an origin like https://farm.example (http only on this machine)") { url in
            let origin = url.hasSuffix("/") ? String(url.dropLast()) : url
            let isOrigin =
                OIDCIssuer.isAddress(origin) && origin.split(separator: "/").count == 2 && !origin.contains("?")
            return isOrigin ? origin : nil
        }
    }
}

extension ValueReader where Value == String {
    /// A name, or an address, an IPv6 one with or without its brackets; kept without them.
    static var host: Self {
        Self("a host name or an address like 127.0.0.1 or ::1, without a port") { text in
            let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
            let host = isBracketed ? String(text.dropFirst().dropLast()) : text
            let isAddress = host.contains(":")
            // What comes after % names the interface of a link-local address.
            let address = host.split(separator: "%", maxSplits: 1).first.map(String.init) ?? ""
            guard !host.isEmpty, host.utf8.allSatisfy({ 0x21...0x7E ~= $0 }), !host.contains("/"),
                isAddress || !isBracketed, !isAddress || AddressRange(address) != nil
            else { return nil }
            return host
        }
    }
}

extension ValueReader where Value == Int {
    static func integer(in range: ClosedRange<Int>) -> Self {
        Self("a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ValueReader where Value == Bool {
    static var flag: Self {
        Self("true or false") { text in
            switch text.lowercased() {
            case "true", "1", "yes", "on": true
            case "false", "0", "no", "off": false
            default: nil
            }
        }
    }
}

extension ValueReader where Value == [UInt8] {
    static func bytes(atLeast count: Int) -> Self {
        Self("at least \(count) bytes long", parse: { $0.utf8.count < count ? nil : Array($0.utf8) }, text: { _ in "" })
    }
}

extension ValueReader where Value == [String] {
    /// Separated by commas, with surrounding spaces removed.
    static var list: Self { Self("separated by commas", parse: parts, text: { $0.joined(separator: ",") }) }
}

extension ValueReader {
    /// Separated by commas, each parsed by `part`; invalid if any of them is.
    static func list<Part>(
        _ requirement: String, of part: @escaping @Sendable (String) -> Part?
    ) -> Self where Value == [Part] {
        Self(
            requirement,
            parse: { text in
                let made = parts(text).map(part)
                return made.contains { $0 == nil } ? nil : made.compactMap(\.self)
            }, text: { _ in "" })
    }

    fileprivate static func parts(_ text: String) -> [String] {
        text.split(separator: ",").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty }
    }
}

extension ValueReader where Value == Logger.Level {
    static var logLevel: Self {
        let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        return Self("one of \(names)") { Logger.Level(rawValue: $0.lowercased()) }
    }
}

extension ValueReader where Value == Int64 {
    /// Minor units of USDT.
    static var usdt: Self {
        Self("a decimal with at most 6 places", parse: { Money.minorUnits($0) }, text: { Money.decimal($0) })
    }
}

extension ValueReader where Value == ListenAddress {
    static var listenAddress: Self { Self("HOST:PORT, with an IPv6 address as [::1]:PORT") { ListenAddress($0) } }
}

extension ValueReader where Value == [AddressRange] {
    static var addressRanges: Self {
        let list = list("addresses, or networks like 10.0.0.0/8, separated by commas") { AddressRange($0) }
        return Self(
            list.requirement, parse: list.parse, text: { $0.map(\.description).joined(separator: ",") })
    }
}

extension ValueReader where Value == RedisSettings {
    static var redis: Self { Self("HOST or HOST:PORT") { RedisSettings(address: $0) } }
}

extension ValueReader where Value == UnitPrices {
    /// USDT per core-hour, GB-hour and GPU-hour. Omitted prices default to `standard`.
    static var unitPrices: Self {
        let fields: [(name: Substring, price: any WritableKeyPath<UnitPrices, Int64> & Sendable)] = [
            ("cpu", \.core), ("gb", \.gigabyte), ("gpu", \.gpu),
        ]
        return Self(
            "cpu, gb and gpu with a price each, like cpu=0.02,gb=0.004,gpu=0.4",
            parse: { text in
                var prices = UnitPrices.standard
                for item in parts(text) {
                    let words = item.split(separator: "=", omittingEmptySubsequences: false)
                    guard words.count == 2, let price = Money.minorUnits(String(words[1])),
                        let field = fields.first(where: { $0.name == words[0] })
                    else { return nil }
                    prices[keyPath: field.price] = price
                }
                return prices
            },
            text: { prices in
                fields.map { "\($0.name)=\(Money.decimal(prices[keyPath: $0.price]))" }.joined(separator: ",")
            })
    }
}
