import API
import Bytes
import Store
import Support
import Testing

@Suite("POST and GET /api/postcard", .timeLimit(.minutes(2)))
struct PostcardTests {
    private static let fields: Set<String> = [
        "id", "from_name", "from_public_key", "image_data", "width", "height", "caption", "created_at",
    ]

    @Test("one to all is 200 and shown to all, one to a device as that device's alone", arguments: TestDatabase.all)
    func send(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (one, two, third) = (InklingDevice(), try await lab.enroll(), try await lab.enroll())
            let (open, closed) = (InklingLab.postcard(), InklingLab.postcard(to: two.key, caption: "For you"))
            let reply = try await lab.send("/api/postcard", by: one, open)
            let made = try lab.must(reply)
            #expect(made.keys == ["success", "postcard_id", "remaining_postcards"])
            #expect(made["remaining_postcards"] == 9 && reply["X-RateLimit-Remaining"] == "9")
            let own = try lab.must(await lab.send("/api/postcard", by: one, closed, .javaScript))
            #expect(own["remaining_postcards"] == 8)
            for (path, payload, id) in [
                ("public=true", open, made["postcard_id"]), ("public_key=\(two.key)", closed, own["postcard_id"]),
            ] {
                let page = try lab.must(await lab.get("/api/postcard?\(path)"))
                #expect(page.keys.subtracting(["count"]) == ["success", "postcards", "next_cursor"])
                let shown = try #require(page["postcards"]?.array)
                #expect(shown.count == 1 && shown.first?["id"] == id, "\(path): \(page.text())")
                #expect(Self.fields.isSubset(of: shown.first?.keys ?? []), "\(page.text())")
                for field in ["image_data", "width", "height", "caption"] {
                    #expect(shown.first?[field] == payload[field], "\(field)")
                }
                #expect(shown.first?["from_name"] == "Inkling" && shown.first?["from_public_key"]?.string == one.key)
            }
            for device in [one, third] {
                let none = try lab.must(await lab.get("/api/postcard?public_key=\(device.key)"))
                #expect(none["postcards"] == [])
            }
        }
    }

    @Test("a caption and a recipient may be absent or null", arguments: TestDatabase.all)
    func optional(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let good = InklingLab.postcard().without("to_public_key").without("caption")
            try lab.must(await lab.send("/api/postcard", by: device, good))
            let nulls: JSON = ["caption": .null, "to_public_key": .null]
            try lab.must(await lab.send("/api/postcard", by: device, good.with(nulls)))
            try lab.must(await lab.send("/api/postcard", by: device, good.with(["caption": .letters(60)])))
            let shown = try await lab.walk("/api/postcard?public=true", "postcards", limit: 2)
            #expect(shown.map { $0["caption"] } == [.letters(60), .null, .null])
        }
    }

    @Test("of every size up to 250 by 122 are taken, when the bitmap is of that size", arguments: TestDatabase.all)
    func sizes(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            for (width, height) in [(8, 1), (8, 122), (248, 1), (248, 122), (128, 64)] {
                let image = Bitmap.checked(width: width, height: height).packed
                let payload: JSON = ["image_data": .string(image), "width": JSON(width), "height": JSON(height)]
                let reply = try await lab.send("/api/postcard", by: InklingDevice(), payload)
                #expect(reply.status == 200, "\(width) by \(height): \(reply.text)")
            }
            // Each row begins with a byte of its own; also without zlib.
            for (width, height) in [(122, 64), (250, 122), (1, 1), (9, 3)] {
                let bytes = [UInt8](repeating: 0x5A, count: (width + 7) / 8 * height)
                for image in [Base64.encode(Bitmap.zlib(bytes)), Base64.encode(bytes)] {
                    let payload: JSON = ["image_data": .string(image), "width": JSON(width), "height": JSON(height)]
                    let reply = try await lab.send("/api/postcard", by: InklingDevice(), payload)
                    #expect(reply.status == 200, "\(width) by \(height): \(reply.text)")
                }
            }
        }
    }

    @Test("a size out of bounds, or another than the bitmap's, is 400", arguments: TestDatabase.all)
    func wrongSizes(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let good = InklingLab.postcard()
            let sizes: [(JSON, JSON)] = [
                (0, 8), (8, 0), (-8, 8), (8, -8), (251, 8), (8, 123), (256, 8), (8, 7), (8, 9), (16, 8), (7, 7),
                (16, 16), (.number("8.0"), 8), (.number("1e1"), 8), ("8", 8), (true, 8),
                (8, .number("99999999999999999999")),
                (.number("9223372036854775807"), .number("9223372036854775807")), ([], 8),
            ]
            for (width, height) in sizes {
                try await lab.expectRefusal([400], "\(width.text()) by \(height.text())") {
                    let size: JSON = ["width": width, "height": height]
                    return try await lab.send("/api/postcard", by: device, good.with(size))
                }
            }
        }
    }

    @Test("what is no packed bitmap is 400, and none unpacks to more than a picture", arguments: TestDatabase.all)
    func images(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let good = InklingLab.postcard()
            let bytes = Bitmap.checked(width: 8, height: 8).bytes
            let packed = Bitmap.zlib(bytes)
            let images: [(String, String)] = [
                ("no base64", "!!!!"), ("half a group", String(Base64.encode(packed).dropLast(3))), ("empty", ""),
                ("broken off", Base64.encode(Array(packed.dropLast(6)))), ("no stream", Base64.encode([1, 2, 3, 4])),
                ("a wrong checksum", Base64.encode(Array(packed.dropLast()) + [(packed.last ?? 0) ^ 1])),
                ("a byte too few", Base64.encode(Bitmap.zlib(Array(bytes.dropLast())))),
                ("a byte too many", Base64.encode(Bitmap.zlib(bytes + [0]))),
                ("a megabyte of zeros", Base64.encode(Bitmap.zeros(1 << 20))),
                ("10,001 characters", String(repeating: "A", count: 10_001)),
            ]
            for (what, image) in images {
                try await lab.expectRefusal([400], what) {
                    try await lab.send("/api/postcard", by: device, good.with(["image_data": .string(image)]))
                }
            }
            for image in [7, [], true] as [JSON] {
                try await lab.expectRefusal([400], image.text()) {
                    try await lab.send("/api/postcard", by: device, good.with(["image_data": image]))
                }
            }
            // A run of zeros is as good a bitmap as another.
            func zeros(_ count: Int) -> JSON {
                ["width": 64, "height": 122, "image_data": .string(Base64.encode(Bitmap.zeros(count)))]
            }
            try lab.must(await lab.send("/api/postcard", by: device, good.with(zeros(976))))
            try await lab.expectRefusal([400], "two rows too many") {
                try await lab.send("/api/postcard", by: device, good.with(zeros(992)))
            }
        }
    }

    @Test("a field that is missing is 400, and so is a caption of more than 60", arguments: TestDatabase.all)
    func missing(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let good = InklingLab.postcard()
            for field in ["image_data", "width", "height"] {
                for payload in [good.without(field), good.with(.object([.init(field, .null)]))] {
                    try await lab.expectRefusal("400 MISSING_FIELDS") {
                        try await lab.send("/api/postcard", by: device, payload)
                    }
                }
            }
            for fields in [
                ["caption": .letters(61)], ["caption": 7], ["to_public_key": 7], ["to_public_key": "x"],
                ["to_public_key": .string(device.key)], ["surprise": 1],
            ] as [JSON] {
                try await lab.expectRefusal([400], fields.text()) {
                    try await lab.send("/api/postcard", by: device, good.with(fields))
                }
            }
        }
    }

    @Test("to a device that nobody knows is 404, of a banned one 403", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            let nobody = InklingDevice()
            try await lab.expectRefusal("404 DEVICE_NOT_FOUND") {
                try await lab.send("/api/postcard", by: device, InklingLab.postcard(to: nobody.key))
            }
            try lab.must(await lab.admin("ban", device.key))
            try await lab.expectRefusal("403 DEVICE_BANNED") {
                try await lab.send("/api/postcard", by: device, InklingLab.postcard())
            }
        }
    }

    @Test("are listed by device or for all: neither is 400, an unknown device 404", arguments: TestDatabase.all)
    func query(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            try await lab.expectRefusal("400 MISSING_FIELDS") { try await lab.get("/api/postcard") }
            try await lab.expectRefusal("404 DEVICE_NOT_FOUND") {
                try await lab.get("/api/postcard?public_key=\(InklingDevice().key)")
            }
            var sent: [String] = []
            for number in 0..<17 {
                let payload = InklingLab.postcard(caption: "number \(number)")
                let made = try lab.must(await lab.send("/api/postcard", by: InklingDevice(), payload))
                sent.append(try #require(made["postcard_id"]?.string))
            }
            let shown = try await lab.walk("/api/postcard?public=true", "postcards", limit: 4)
            #expect(shown.compactMap { $0["id"]?.string } == sent.reversed())
            #expect(try await lab.get("/api/postcard?public=true&cursor=nonsense").status == 400)
        }
    }
}
