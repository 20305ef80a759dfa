internal import Bytes

/// How HatchFarm says yes and no (CONTRACT 2).
enum HatchFarmEnvelope {
    /// `{"success":true,"data":…}` and `{"success":false,"error":"text","code":"lease_lost"}`.
    static let envelope = Envelope(
        success: { .object(.required("success", .constant(true)), .required("data", $0)) },
        write: { writer, data in
            writer.beginObject()
            writer.field("success", true)
            writer.key("data")
            data(&writer)
            writer.endObject()
        }, failure: failure)

    private static let failure = Shape<RefusedCall>("HatchFarmError") {
        constant("success", false)
        field("error", .string) { $0.problem.message }
        field("code", .string) { $0.problem.code }
        optionalField("field", .string) { $0.problem.field }
    }
}
