internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Lineage: which device made which (CONTRACT 8).
enum Lineage {
    static let routes = [
        Route.signed(
            "/lineage", "registerBirth", "A birth certificate of the device's child: 20 a day.", .ok(registered),
            daily: .lineage, register),
        Route(
            .get, "/lineage", "showLineage", "A device's parent, and with children=true its children, newest first.",
            query: [InklingShapes.keyParameter.parameter, withChildren.parameter] + children.parameters, .ok(family),
            show),
    ].tagged("Lineage")

    // MARK: Birth

    private struct Birth: SignedPayload {
        let certificate: BirthCertificate

        static let signed = Input {
            required("child_public_key", InklingShapes.key)
            required("child_name", InklingShapes.name)
            required("child_hardware_hash", .hex(16...128))
            optional("inherited_traits", traits)
        }
        .map { key, name, hash, traits throws(FieldError) in
            Birth(
                certificate: BirthCertificate(
                    child: key, name: name, hardwareHash: hash.hiddenHash, traits: traits))
        }
        .signed
    }

    /// Kept as they were written: `0.70` stays `0.70`.
    private static let traits = Format<String>(.map(.number)) {
        $1.raw($0)
    } read: { json throws(FieldError) in
        guard let members = json.members else { throw .wrongType("an object") }
        guard members.count <= 32 else { throw .invalid("must hold at most 32 traits") }
        for member in members {
            guard (1...64).contains(member.key.unicodeScalars.count) else {
                throw .invalid("must have names of 1 to 64 characters")
            }
            do throws(FieldError) {
                _ = try Format<Double>.number(0...1).read(member.value)
            } catch {
                throw error.within(member.key)
            }
        }
        return json.text(.compact)
    }

    private typealias Registered = (child: Inkling, parent: Inkling)

    private static let registered = Shape<Registered> {
        constant("message", "Birth certificate registered")
        field("child_id", .uuid) { $0.child.id }
        field("child_name", .string) { $0.child.name }
        field("generation", InklingShapes.count) { $0.child.generation }
        field("parent_name", .string) { $0.parent.name }
    }

    private static func register(_ call: Call, _ caller: SignedContext<Birth>) -> Effect<Registered> {
        let registrations = call.dependencies.configuration.inklingsPerAddress
        return Effect { tx in
            try tx.registerBirth(
                caller.payload.certificate, by: caller.key, from: caller.signed.address, registrations: registrations)
        }
    }

    // MARK: Reading

    private static let withChildren = InklingShapes.flag("children", "Whether to list its children too.")

    private struct Child: Sendable {
        let inkling: Inkling
        let number: Int64
    }

    private struct Family: Sendable {
        let inkling: Inkling
        let parent: Inkling?
        /// nil when they weren't asked for.
        let children: CutPage<Child>?
    }

    private static let child = Shape<Child> {
        field("device_id", .uuid) { $0.inkling.id }
        field("name", .string) { $0.inkling.name }
        field("public_key", InklingShapes.key) { $0.inkling.key }
        field("generation", InklingShapes.count) { $0.inkling.generation }
        field("created_at", .instant) { $0.inkling.createdAt }
    }

    private static let parent = Shape<Inkling> {
        field("name", .string) { $0.name }
        field("public_key", InklingShapes.key) { $0.key }
    }

    private static let lineage = Shape<Family>("Lineage") {
        field("device_id", .uuid) { $0.inkling.id }
        field("name", .string) { $0.inkling.name }
        field("public_key", InklingShapes.key) { $0.inkling.key }
        field("generation", InklingShapes.count) { $0.inkling.generation }
        field("parent", .nullable(parent)) { $0.parent }
        field("children_count", InklingShapes.count) { $0.inkling.children }
        field("inherited_traits", .nullable(traits)) { $0.inkling.traits }
        field("created_at", .instant) { $0.inkling.createdAt }
        optionalField("children", .array(child)) { $0.children?.items }
    }

    private static let family = Shape<Family> {
        field("lineage", lineage) { $0 }
        optionalField("next_cursor", .nullable(.string), "With the children.") { $0.children.map(\.next) }
    }

    private static let children = PagedList(
        "children", of: child, by: .integer, limit: InklingShapes.limit
    ) { $0.number }

    private static func show(_ call: Call, _ anyone: PublicContext) async throws -> Family {
        let key = try call.askedInkling
        let page = try call.query[withChildren] ?? false ? try call.page(of: children) : nil
        return try await call.database.read { tx in
            let inkling = try tx.knownInkling(key)
            let found = try page.map { page in
                let some = try tx.children(of: key, before: page.after, limit: page.wanted)
                return children.cut(some.map { Child(inkling: $0.child, number: $0.number) }, to: page)
            }
            return Family(inkling: inkling, parent: try inkling.parent.flatMap { try tx.inkling($0) }, children: found)
        }
    }
}
