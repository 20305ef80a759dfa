internal import CZlib

/// Unpacks zlib (RFC 1950) of small things: an answer never grows beyond its limit.
package enum Zlib {
    /// nil for what is none, is damaged, has something behind it, or holds more than `limit` bytes.
    package static func inflate(_ bytes: [UInt8], limit: Int) -> [UInt8]? {
        guard limit > 0 else { return nil }
        var isWhole = false
        let output = [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
            var (size, used) = (uLongf(limit), uLong(bytes.count))
            isWhole = uncompress2(buffer.baseAddress, &size, bytes, &used) == Z_OK && used == bytes.count
            filled = isWhole ? Int(size) : 0
        }
        return isWhole ? output : nil
    }
}
