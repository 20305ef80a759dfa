/// The version that `--version`, `GET /version` and `GET /health` tell.
enum Version {
    static let text = "0.1.0"
}
