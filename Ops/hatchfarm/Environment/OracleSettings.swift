internal import API
internal import Bytes
internal import Domain

extension Settings {
    /// Whom the oracle asks: those that have a key, the first one first.
    var oracle: OracleSettings {
        var oracle = OracleSettings()
        if let key = self.anthropicKey {
            oracle.upstreams.append(
                OracleUpstream(.anthropic, key: key, base: self.anthropicURL, model: self.anthropicModel))
        }
        if let key = self.openAIKey {
            oracle.upstreams.append(
                OracleUpstream(.openAI, key: key, base: self.openAIURL, model: self.openAIModel))
        }
        oracle.timeoutSeconds = Int64(self.oracleTimeoutSeconds)
        return oracle
    }
}

extension ValueReader where Value == [InklingKey] {
    static var inklingKeys: Self {
        .list("public keys of 64 hex digits, separated by commas") { text in
            Hex.isHex(text, lengths: 64...64) ? InklingKey(text.lowercased()) : nil
        }
    }
}

extension ValueReader where Value == String {
    /// A secret that another server issued.
    static var headerValue: Self {
        Self("1–512 visible ASCII characters") { text in
            (1...512).contains(text.utf8.count) && text.utf8.allSatisfy { 0x21...0x7E ~= $0 } ? text : nil
        }
    }

    /// An address that paths are appended to, without a trailing slash.
    static var baseURL: Self {
        Self("an http or https URL without a query") { text in
            let url = text.hasSuffix("/") ? String(text.dropLast()) : text
            let isURL =
                ["http://", "https://"].contains { url.hasPrefix($0) && url.utf8.count > $0.utf8.count }
                && url.utf8.count <= 2_048
                && url.utf8.allSatisfy { 0x21...0x7E ~= $0 && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
            return isURL ? url : nil
        }
    }
}
