import API
import Bytes
import Store
import Support
import Testing

@Suite("POST and GET /api/lineage", .timeLimit(.minutes(2)))
struct LineageTests {
    private func lineage(of device: InklingDevice, _ lab: InklingLab) async throws -> JSON {
        let reply = try lab.must(await lab.get("/api/lineage?public_key=\(device.key)"))
        return try #require(reply["lineage"])
    }

    @Test("a birth is 200, and the child is a device of the next generation", arguments: TestDatabase.all)
    func birth(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (parent, child, grandchild) = (InklingDevice(), InklingDevice(), InklingDevice())
            let payload = InklingLab.birth(of: child)
            let made = try lab.must(await lab.send("/api/lineage", by: parent, payload))
            #expect(
                made.keys == ["success", "message", "child_id", "child_name", "generation", "parent_name"],
                "\(made.text())")
            #expect(made["child_name"] == "Sparklet" && made["generation"] == 1 && made["parent_name"] == "Inkling")
            let birth = InklingLab.birth(of: grandchild, "Spark")
            let next = try lab.must(await lab.send("/api/lineage", by: child, birth))
            #expect(next["generation"] == 2 && next["parent_name"] == "Sparklet")

            let shown = try await lineage(of: child, lab)
            #expect(
                shown.keys.isSuperset(of: [
                    "device_id", "name", "generation", "parent", "children_count", "inherited_traits", "created_at",
                ]), "\(shown.text())")
            #expect(shown["device_id"] == made["child_id"] && shown["name"] == "Sparklet" && shown["generation"] == 1)
            #expect(shown["parent"] == ["name": "Inkling", "public_key": .string(parent.key)])
            #expect(shown["children_count"] == 1)
            let sent = try #require(payload["inherited_traits"]?.members)
            #expect(shown["inherited_traits"]?.keys == Set(sent.map(\.key)))
            for trait in sent {
                #expect(shown["inherited_traits"]?[trait.key]?.double == trait.value.double, "\(trait.key)")
            }
            #expect(try await lineage(of: parent, lab)["children_count"] == 1)
            #expect(try await lineage(of: grandchild, lab)["parent"]?["name"] == "Sparklet")
        }
    }

    @Test("a child calls with the hash of its certificate, and no other", arguments: TestDatabase.all)
    func hash(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (parent, child) = (InklingDevice(), InklingDevice())
            try lab.must(await lab.send("/api/lineage", by: parent, InklingLab.birth(of: child)))
            try await lab.expectRefusal([401], "another hash") {
                try await lab.send(
                    "/api/plant", by: child.with(hash: SHA256.hex("another box")), InklingLab.dream())
            }
            try lab.must(await lab.send("/api/plant", by: child, InklingLab.dream()))
            let dream = try await lab.walk("/api/fish", "dreams").first
            #expect(dream?["author_name"] == "Sparklet")
        }
    }

    @Test("a device that is there without a parent may be given one", arguments: TestDatabase.all)
    func later(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (parent, child) = (try await lab.enroll(), try await lab.enroll())
            let made = try lab.must(await lab.send("/api/lineage", by: parent, InklingLab.birth(of: child)))
            #expect(made["generation"] == 1)
            #expect(try await lineage(of: child, lab)["parent"]?["public_key"]?.string == parent.key)
            // Nobody gives a name to a stranger's device.
            let stranger = try await lab.enroll()
            let stolen = InklingLab.birth(of: stranger.with(hash: SHA256.hex("a guess")), "Stolen")
            try await lab.expectRefusal([403], "another hash") {
                try await lab.send("/api/lineage", by: parent, stolen)
            }
            #expect(try await lineage(of: stranger, lab)["name"] == "Inkling")
        }
    }

    @Test("a child has one parent", arguments: TestDatabase.all)
    func oneParent(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (parent, other, child) = (InklingDevice(), try await lab.enroll(), InklingDevice())
            try lab.must(await lab.send("/api/lineage", by: parent, InklingLab.birth(of: child)))
            for device in [parent, other] {
                try await lab.expectRefusal([409], "a second birth") {
                    try await lab.send("/api/lineage", by: device, InklingLab.birth(of: child, "Again"))
                }
            }
            let twin = InklingDevice()
            let replies = try await atOnce(20) { _ in
                let message = lab.message(by: InklingDevice(), InklingLab.birth(of: twin))
                return try await lab.client.post("/api/lineage", message)
            }
            #expect(replies.count { $0.status == 200 } == 1, "\(Set(replies.map(\.outcome)))")
            #expect(replies.count { $0.status == 409 } == 19)
        }
    }

    @Test("nobody is its own parent or ancestor, also not when both ask at once", arguments: TestDatabase.all)
    func circles(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let line = (0..<4).map { _ in InklingDevice() }
            for (parent, child) in zip(line, line.dropFirst()) {
                try lab.must(await lab.send("/api/lineage", by: parent, InklingLab.birth(of: child)))
            }
            for device in line {
                try await lab.expectRefusal("409 WRONG_STATE") {
                    try await lab.send("/api/lineage", by: device, InklingLab.birth(of: line[0]))
                }
            }
            let nobody = InklingDevice()
            try await lab.expectRefusal([409], "itself") {
                try await lab.send("/api/lineage", by: nobody, InklingLab.birth(of: nobody))
            }
            for _ in 0..<5 {
                let (one, two) = (try await lab.enroll(), try await lab.enroll())
                let replies = try await atOnce(2) { number in
                    let (parent, child) = number == 0 ? (one, two) : (two, one)
                    let message = lab.message(by: parent, InklingLab.birth(of: child))
                    return try await lab.client.post("/api/lineage", message)
                }
                #expect(replies.map(\.status).sorted() == [200, 409], "\(replies.map(\.outcome))")
            }
        }
    }

    @Test("children are listed when they are asked for", arguments: TestDatabase.all)
    func children(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let parent = InklingDevice()
            let born = (0..<7).map { _ in InklingDevice() }
            for (number, child) in born.enumerated() {
                try lab.must(await lab.send("/api/lineage", by: parent, InklingLab.birth(of: child, "Child \(number)")))
            }
            let path = "/api/lineage?public_key=\(parent.key)"
            let without = try lab.must(await lab.get(path))
            #expect(without["children"] == nil && without["lineage"]?["children"] == nil)
            #expect(without["lineage"]?["children_count"] == 7)
            let with = try lab.must(await lab.get("\(path)&children=true"))
            let children = try #require((with["children"] ?? with["lineage"]?["children"])?.array, "\(with.text())")
            #expect(Set(children.map { $0["public_key"]?.string }) == Set(born.map(\.key)))
            #expect(Set(children.map { $0["name"]?.string }) == Set((0..<7).map { "Child \($0)" }))
            #expect(children.allSatisfy { $0["generation"] == 1 })
            var (seen, cursor): (Set<String>, String?) = ([], nil)
            for _ in 0..<10 {
                let next = cursor.map { "&cursor=\($0)" } ?? ""
                let page = try lab.must(await lab.get("\(path)&children=true&limit=3\(next)"))
                let items = (page["children"] ?? page["lineage"]?["children"])?.array ?? []
                #expect(items.count <= 3)
                seen.formUnion(items.compactMap { $0["public_key"]?.string })
                cursor = (page["next_cursor"] ?? page["lineage"]?["next_cursor"])?.string
                if cursor == nil { break }
            }
            #expect(seen == Set(born.map(\.key)))
        }
    }

    @Test("a field that is missing is 400, and so is a trait outside of 0 to 1", arguments: TestDatabase.all)
    func wrong(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (parent, child) = (try await lab.enroll(), InklingDevice())
            let good = InklingLab.birth(of: child)
            for field in ["child_public_key", "child_name", "child_hardware_hash"] {
                for payload in [good.without(field), good.with(.object([.init(field, .null)]))] {
                    try await lab.expectRefusal("400 MISSING_FIELDS") {
                        try await lab.send("/api/lineage", by: parent, payload)
                    }
                }
            }
            for trait in ["1.01", "-0.01", "1e400", "1e3", "-1e-5", "1.0000000001"] {
                let traits: JSON = ["inherited_traits": ["curiosity": .number(trait)]]
                try await lab.expectRefusal([400], trait) {
                    try await lab.send("/api/lineage", by: parent, good.with(traits))
                }
            }
            for fields in [
                ["child_public_key": "x"], ["child_public_key": 7], ["child_name": ""], ["child_name": 7],
                ["child_name": .letters(10_000)], ["child_hardware_hash": "short"], ["child_hardware_hash": 7],
                ["inherited_traits": []], ["inherited_traits": 7], ["inherited_traits": ["curiosity": "much"]],
                ["inherited_traits": ["curiosity": ["deep": 0.5]]],
            ] as [JSON] {
                try await lab.expectRefusal([400], "\(fields.text().prefix(60))") {
                    try await lab.send("/api/lineage", by: parent, good.with(fields))
                }
            }
            #expect(try await !lab.isKnown(child))
            for trait in ["0", "1", "0.0", "1.0", "1e-05", "0.70"] {
                let whole = InklingLab.birth(of: InklingDevice())
                    .with(["inherited_traits": ["curiosity": .number(trait), "patience": 0.5]])
                #expect(try await lab.send("/api/lineage", by: parent, whole).status == 200, "\(trait)")
            }
        }
    }

    @Test("none asked for is 400, an unknown one 404; a banned parent's birth is 403", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            try await lab.expectRefusal("400 MISSING_FIELDS") { try await lab.get("/api/lineage") }
            try await lab.expectRefusal("400 MISSING_FIELDS") { try await lab.get("/api/lineage?children=true") }
            try await lab.expectRefusal("404 DEVICE_NOT_FOUND") {
                try await lab.get("/api/lineage?public_key=\(InklingDevice().key)&children=true")
            }
            let parent = try await lab.enroll()
            try lab.must(await lab.admin("ban", parent.key))
            try await lab.expectRefusal("403 DEVICE_BANNED") {
                try await lab.send("/api/lineage", by: parent, InklingLab.birth(of: InklingDevice()))
            }
        }
    }
}
