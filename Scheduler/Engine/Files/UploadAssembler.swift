package import Bytes
package import Store

/// What is wrong with content that came. Nothing of it is kept: it has to come again from its beginning.
package enum UploadError: Error, Sendable, Equatable {
    /// It can't be unpacked; `limit` in bytes unpacked.
    case undecodable(ZstdError, limit: Int)
    /// It hashes to something else than was said.
    case wrongDigest(actual: String)
}

extension Blob {
    /// Throws unless the content has this SHA-256, in lower-case hex; nil is content with any.
    package func check(_ digest: String?) throws(UploadError) {
        guard let digest, digest != hash else { return }
        throw .wrongDigest(actual: hash)
    }
}

/// Takes the pieces of files that running jobs bring forth, and puts the files together (decision 0012).
package struct UploadAssembler: Sendable {
    package enum Answer: Sendable {
        /// How much of the packed whole there is now, in bytes.
        case offset(Int64)
        /// The piece was the last, and the file is stored.
        case stored(PartialUpload.Stored)
    }

    private let database: Database
    private let limit: Int

    /// - Parameter limit: the most bytes of an unpacked file.
    package init(_ database: Database, limit: Int) {
        self.database = database
        self.limit = limit
    }

    /// Takes a piece that begins where the upload stands. With the last one the upload becomes the job's file, or the
    /// answer is repeated. Throws `UploadError` when all pieces together are no such file.
    ///
    /// - Parameter digest: the SHA-256 of the unpacked whole in lower-case hex, if it is known.
    package func take(_ piece: Piece, _ key: LeaseKey, digest: String?) async throws -> Answer {
        guard piece.isLast else { return .offset(try await database.write { try $0.storePiece(key, piece) }) }
        while true {
            switch try await database.write({ try $0.meetLast(key, piece) }) {
            case .repeated(let stored): return .stored(stored)
            case .awaited(let upload):
                // What was taken away meanwhile, another writer has ended: ask again, for its answer or the new offset.
                let intake = try BlobIntake(
                    database, isPacked: piece.coding == "zstd", announced: Int(clamping: piece.total), limit: limit)
                guard try await assemble(upload, piece, in: intake) else {
                    await intake.discard()
                    continue
                }
                return .stored(try await store(intake, upload, last: piece, key, digest))
            }
        }
    }

    /// Unpacks and packs what has come; false when the upload is gone.
    private func assemble(_ upload: PartialUpload, _ last: Piece, in intake: BlobIntake) async throws -> Bool {
        try await undoing(upload, intake) {
            var start: Int64 = 0
            while start < last.start {
                let from = start
                guard let chunk = try await database.read({ try $0.uploadChunk(upload.id, start: from) }) else {
                    return false
                }
                try await intake.add(chunk)
                start += Int64(chunk.count)
            }
            try await intake.add(last.bytes)
            return true
        }
    }

    private func store(
        _ intake: BlobIntake, _ upload: PartialUpload, last: Piece, _ key: LeaseKey, _ digest: String?
    ) async throws -> PartialUpload.Stored {
        let stored = try await undoing(upload, intake) {
            try await intake.store { blob in
                try blob.check(digest)
                return try await database.write { try $0.storeUploaded(key, upload, last: last, blob: blob) }
            }
        }
        // The file is stored: what can't be taken away now is the pruner's.
        try? await database.write { try $0.deletePieces(of: upload) }
        return stored
    }

    /// What turns out to be no such file is thrown away: no last piece could mend it, so the worker must be able to
    /// begin again.
    private func undoing<Answer>(
        _ upload: PartialUpload, _ intake: BlobIntake, _ body: () async throws -> Answer
    ) async throws -> Answer {
        do {
            return try await body()
        } catch {
            await intake.discard()
            if error is UploadError { try await database.write { try $0.discardUpload(upload.id) } }
            throw error
        }
    }
}
