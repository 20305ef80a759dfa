internal import Bytes
package import Domain
package import Store

/// The files that jobs are given.
package struct JobInputs: Sendable {
    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// Stores the contents that came with jobs before they are submitted. Throws a `FieldError` for a reference to
    /// what isn't the owner's; then nothing is stored.
    package func prepare(_ contents: [[UInt8]], _ references: [JobInput.Reference], owner: OwnerID) async throws {
        if !references.isEmpty {
            let stray = try await database.read { tx in
                try references.first { try !tx.owns($0.source, owner) }
            }
            if let stray { throw FieldError(stray.field, .invalid("names nothing of yours")) }
        }
        guard !contents.isEmpty else { return }
        let blobs = try contents.map { content in
            var packer = try BlobPacker()
            try packer.add(content)
            return try packer.finish()
        }
        try await database.write { tx in
            for blob in blobs { try tx.storeUpload(blob, owner: owner) }
        }
    }

    /// The files of claimed jobs. Most jobs have none, and then nothing is read.
    package func files(of grants: [Grant]) async throws -> [JobID: [InputFile]] {
        let wanted = grants.map { (id: $0.id, owner: $0.owner, inputs: JobSpec($0.spec).inputs) }
            .filter { !$0.inputs.isEmpty }
        guard !wanted.isEmpty else { return [:] }
        return try await database.read { tx in
            var found: [JobID: [InputFile]] = [:]
            for job in wanted { found[job.id] = try tx.files(of: job.inputs, owner: job.owner) }
            return found
        }
    }
}
