internal import Bytes
internal import HTTPTypes

extension TraceContext {
    /// What `traceparent` says; one that is sent twice is none.
    init?(_ head: HTTPRequest) {
        // Not by subscript, which makes an index of all fields for a request that mostly has none of these.
        var given: String?
        for field in head.headerFields where field.name == .traceparent {
            guard given == nil else { return nil }
            given = field.value
        }
        guard let given else { return nil }
        self.init(given)
    }
}
