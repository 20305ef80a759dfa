internal import Bytes
package import Domain
internal import Logging
package import Store

/// A job in the hands of a worker, with all that it is to run.
package struct GrantedJob: Sendable {
    package let grant: Grant
    package let spec: JobSpec
    package let files: [InputFile]
}

/// The files that jobs are given.
package struct JobInputs: Sendable {
    private let database: Database
    private let internalErrors: InternalErrors

    package init(_ broker: JobBroker) {
        database = broker.database
        internalErrors = broker.internalErrors
    }

    /// The contents that came with jobs, as they are stored with them. Throws a `FieldError` for a reference to what
    /// isn't the owner's.
    package func prepare(
        _ contents: [[UInt8]], _ references: [JobInput.Reference], owner: OwnerID
    ) async throws -> [Blob] {
        if !references.isEmpty {
            let stray = try await database.read { tx in
                try references.first { try !tx.owns($0.source, owner) }
            }
            if let stray { throw FieldError(stray.field, .invalid("names nothing of yours")) }
        }
        guard !contents.isEmpty else { return [] }
        return try await WorkPool.shared.run {
            try contents.map { content in
                var packer = try BlobPacker()
                try packer.add(content)
                return try packer.finish()
            }
        }
    }

    /// What claimed jobs are to run. Most have no files, and then nothing is read.
    package func granted(_ grants: [Grant]) async throws -> [GrantedJob] {
        let specs = grants.map(spec)
        guard specs.contains(where: { !$0.inputs.isEmpty }) else {
            return zip(grants, specs).map { GrantedJob(grant: $0, spec: $1, files: []) }
        }
        return try await database.read { tx in
            try zip(grants, specs).map { grant, spec in
                GrantedJob(grant: grant, spec: spec, files: try tx.files(of: spec.inputs, owner: grant.owner))
            }
        }
    }

    /// The claim is committed, and the other jobs of it can run: one whose spec can't be read goes out empty, and its
    /// worker will report that there is nothing to run.
    private func spec(_ grant: Grant) -> JobSpec {
        do {
            return try JobSpec(grant.spec)
        } catch {
            internalErrors.note(error, in: Logger(label: "claims"), ["job": "\(grant.id)"])
            return JobSpec()
        }
    }
}
