/// The version reported by `--version`, `GET /version` and `GET /health`.
enum Version {
    static let text = "0.1.0"
}
