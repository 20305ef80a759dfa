internal import Bytes
internal import Store

extension JobRequest {
    /// Bytes of all contents in one request: it has to fit the body anyway.
    static func inputs(_ fields: inout Fields) throws -> ([JobInput], [[UInt8]]) {
        var inputs: [JobInput] = []
        var contents: [[UInt8]] = []
        var paths: Set<String> = []
        let objects = try fields.optionalObjects("inputs") ?? []
        guard objects.count <= 256 else { throw fields.error("inputs", .outOfRange("at most 256 files")) }
        for var object in objects {
            let path = try object.string("path")
            guard path.isJobPath else { throw object.error("path", .invalid(Self.pathRule)) }
            guard paths.insert(path).inserted else { throw object.error("path", .invalid("is named twice")) }
            let base64 = try object.optionalString("content_base64")
            let artifact = try object.optionalString("artifact")
            try object.end()
            switch (base64, artifact) {
            case (let text?, nil):
                guard let bytes = Base64.decode(text) else {
                    throw object.error("content_base64", .invalid("is not standard base64"))
                }
                contents.append(bytes)
                let source = JobInput.Source.content(hash: SHA256.hex(bytes), size: Int64(bytes.count))
                inputs.append(JobInput(path: path, source: source))
            case (nil, let reference?):
                guard let source = JobInput.Source(reference) else {
                    throw object.error("artifact", .invalid("must be sha256:<64 hex> or <job id>/<path>"))
                }
                inputs.append(JobInput(path: path, source: source))
            default: throw object.error("content_base64", .invalid("or artifact: exactly one of them is needed"))
            }
        }
        return (inputs, contents)
    }

    static func paths(_ fields: inout Fields, _ key: String) throws(FieldError) -> [String] {
        let paths = try fields.strings(key, default: [])
        guard paths.count <= 256 else { throw fields.error(key, .outOfRange("at most 256 paths")) }
        guard paths.allSatisfy(\.isJobPath) else { throw fields.error(key, .invalid(pathRule)) }
        return paths
    }

    static let pathRule = "must be a relative path of at most 512 bytes without '.', '..' or empty parts"
}
