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
    private let broker: JobBroker
    private var database: Database { broker.database }

    package init(_ broker: JobBroker) { self.broker = broker }

    /// The contents that came with jobs, as they are stored with them. Throws a `FieldError` for a reference to what
    /// isn't the owner's, or to a file that a completed job hasn't brought forth.
    package func prepare(
        _ contents: [[UInt8]], _ references: [JobInput.Reference], owner: OwnerID
    ) async throws -> [Blob] {
        if !references.isEmpty {
            let sources = try await database.read { try $0.sources(of: references.map(\.source), owner: owner) }
            for reference in references {
                guard let fault = sources.fault(of: reference.source) else { continue }
                throw FieldError(reference.field, .invalid(fault))
            }
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

    /// What claimed jobs are to run. Most have no files, and then nothing is read. One that was to be given a file
    /// which another job has ended without fails here, and isn't among them: no machine could do it.
    package func granted(_ grants: [Grant], to worker: MachineID) async throws -> [GrantedJob] {
        let specs = grants.map(spec)
        guard specs.contains(where: { !$0.inputs.isEmpty }) else {
            return zip(grants, specs).map { GrantedJob(grant: $0, spec: $1, files: []) }
        }
        let (granted, unfed) = try await database.read { tx in
            var (granted, unfed): ([GrantedJob], [UnfedJob]) = ([], [])
            let named = Dictionary(grouping: zip(grants, specs)) { $0.0.owner }
                .mapValues { $0.flatMap { $0.1.inputs } }
            let sources = try named.reduce(into: [OwnerID: StandingSources]()) { found, inputs in
                found[inputs.key] = try tx.sources(of: inputs.value.map(\.source), owner: inputs.key)
            }
            for (grant, spec) in zip(grants, specs) {
                guard let standing = sources[grant.owner] else { continue }
                if let missing = standing.missing(of: spec.inputs) {
                    let key = LeaseKey(job: grant.id, worker: worker, tokenHash: SHA256.hex(grant.token))
                    unfed.append(UnfedJob(key: key, missing: missing))
                } else {
                    let files = standing.files(of: spec.inputs)
                    granted.append(GrantedJob(grant: grant, spec: spec, files: files))
                }
            }
            return (granted, unfed)
        }
        if !unfed.isEmpty { try await broker.fail(unfed) }
        return granted
    }

    /// The claim is committed, and the other jobs of it can run: one whose spec can't be read goes out empty, and its
    /// worker will report that there is nothing to run.
    private func spec(_ grant: Grant) -> JobSpec {
        do {
            return try JobSpec(grant.spec)
        } catch {
            broker.internalErrors.note(error, in: Logger(label: "claims"), ["job": "\(grant.id)"])
            return JobSpec()
        }
    }
}
