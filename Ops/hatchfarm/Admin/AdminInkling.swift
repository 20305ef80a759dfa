internal import ArgumentParser
internal import Bytes
internal import Domain
internal import Store

/// `hatchfarm admin inkling …`
struct AdminInkling: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inkling",
        abstract: "Bans and verifies companion devices.",
        discussion: """
            EXAMPLES
              hatchfarm admin inkling ban 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
              hatchfarm admin inkling bless 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
            """,
        subcommands: [Ban.self, Unban.self, Bless.self])

    /// The device that a command is about.
    struct Device: ParsableArguments {
        @Argument(help: "The device's public key, 64 hex digits.") var publicKey: String

        func validate() throws {
            guard Hex.isHex(publicKey, lengths: 64...64) else {
                throw ValidationError("The public key must be 64 hex digits.")
            }
        }

        var key: InklingKey { InklingKey(publicKey.lowercased()) }
    }
}

extension AdminInkling {
    struct Ban: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bans a device: its calls are refused, and its sockets closed.",
            discussion: """
                What it wrote stays. Its open sockets are closed within ten seconds.

                EXAMPLE
                  hatchfarm admin inkling ban 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
                """)

        @OptionGroup var device: Device
        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.judge(device.key, "is banned") { try $0.ban(true, $1, actor: "operator") }
        }
    }

    struct Unban: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets a banned device in again.",
            discussion: """
                EXAMPLE
                  hatchfarm admin inkling unban 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
                """)

        @OptionGroup var device: Device
        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.judge(device.key, "is not banned") { try $0.ban(false, $1, actor: "operator") }
        }
    }

    struct Bless: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Verifies a device for good, as if others had endorsed it.",
            discussion: """
                EXAMPLE
                  hatchfarm admin inkling bless 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
                """)

        @OptionGroup var device: Device
        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.judge(device.key, "is verified") { try $0.bless($1, actor: "operator") }
        }
    }
}

extension AdminOptions {
    /// Makes a change, and prints the device's new state.
    fileprivate func judge(
        _ key: InklingKey, _ state: String,
        _ body: @escaping @Sendable (Transaction, InklingKey) throws -> (Inkling, Baptism)
    ) async throws {
        let (inkling, baptism) = try await withDatabase { database in
            try await database.write { tx in try body(tx, key) }
        }
        let reply: JSON = [
            "public_key": .string(key.text), "device_name": .string(inkling.name),
            "is_banned": .bool(inkling.isBanned), "is_verified": .bool(baptism.isVerified),
        ]
        Output.line(json ? reply.text(.compact) : "\(Output.sanitized(inkling.name)) \(state)")
    }
}
