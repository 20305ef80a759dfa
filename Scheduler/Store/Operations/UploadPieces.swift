internal import Bytes
internal import Domain

/// What the last piece of an upload meets.
package enum LastPiece: Sendable {
    /// What came before is whole: put it together, and store it.
    case awaited(PartialUpload)
    /// The same piece came before, and its file is stored.
    case repeated(PartialUpload.Stored)
}

extension Transaction {
    /// How many bytes of a file this lease has brought so far; 0 when none (decision 0012). May write: an outage
    /// credit.
    package func uploadOffset(_ key: LeaseKey, path: String) throws -> Int64 {
        let job = try heldJob(key)
        return try upload(key.job, fence: job.fence, path: path)?.received ?? 0
    }

    /// Takes a piece that isn't the last, if the upload stands exactly where it begins. Returns where it stands then.
    package func storePiece(_ key: LeaseKey, _ piece: Piece) throws -> Int64 {
        guard let job = try afterOutageCredit({ try lockLease(key) }) else { throw try refusalForStale(key) }
        let upload = try openUpload(of: job, piece)
        try checkRoomForOutput(of: job.owner)
        guard try append(piece, to: upload.id) else { throw Refusal.uploadStands(at: upload.received) }
        if let owner = upload.owner { try noteStored(Int64(piece.bytes.count), of: owner) }
        return piece.start + Int64(piece.bytes.count)
    }

    /// What the last piece of an upload meets. Nothing of it is kept: it is put together with the others outside of any
    /// transaction, and `storeUploaded` takes it only if nothing has changed meanwhile.
    package func meetLast(_ key: LeaseKey, _ piece: Piece) throws -> LastPiece {
        guard let job = try afterOutageCredit({ try lockLease(key) }) else { throw try refusalForStale(key) }
        if let stored = try replay(piece, of: job) { return .repeated(stored) }
        return .awaited(try openUpload(of: job, piece))
    }

    /// The whole that an upload and its last piece make becomes the job's file, if the upload still stands where that
    /// piece begins. Of two writers with the same piece both get the file.
    package func storeUploaded(
        _ key: LeaseKey, _ upload: PartialUpload, last: Piece, blob: Blob
    ) throws -> PartialUpload.Stored {
        guard let job = try afterOutageCredit({ try lockLease(key) }) else { throw try refusalForStale(key) }
        let stored = PartialUpload.Stored(
            hash: blob.hash, size: blob.size, lastStart: last.start, lastHash: SHA256.hex(last.bytes))
        guard try completeUpload(upload.id, stored) else {
            if let stored = try replay(last, of: job) { return stored }
            let standing = try self.upload(job.id, fence: job.fence, path: last.path)
            throw Refusal.uploadStands(at: standing?.received ?? 0)
        }
        // Its pieces count no more, and the whole does.
        if let owner = upload.owner { try noteStored(-last.start, of: owner) }
        try keep(blob, as: last.path, of: job)
        return stored
    }

    /// Takes away the pieces of an upload whose file is stored: many bytes, so it isn't done while the lease is locked.
    package func deletePieces(of upload: PartialUpload) throws { try deleteChunks(of: [upload.id]) }

    /// Takes away an upload that came to nothing, unless it is stored by now.
    package func discardUpload(_ id: Int64) throws { try forget(deleteUpload(id)) }

    /// The pieces of uploads that were taken away go, and count no more.
    func forget(_ uploads: [DeletedUpload]) throws {
        try deleteChunks(of: uploads.map(\.id))
        try noteStored(
            uploads.reduce(into: [:]) { sums, upload in
                guard let owner = upload.owner else { return }
                sums[owner, default: 0] -= upload.bytes
            })
    }

    /// What the same last piece brought about before.
    private func replay(_ piece: Piece, of job: LiveJob) throws -> PartialUpload.Stored? {
        guard let upload = try upload(job.id, fence: job.fence, path: piece.path), let stored = upload.stored,
            upload.total == piece.total, upload.coding == piece.coding, stored.lastStart == piece.start,
            stored.lastHash == SHA256.hex(piece.bytes)
        else { return nil }
        return stored
    }

    /// The upload that a piece goes on with, or begins. The lease is locked, so that one of two writers comes first.
    private func openUpload(of job: LiveJob, _ piece: Piece) throws -> PartialUpload {
        var upload = try upload(job.id, fence: job.fence, path: piece.path)
        if upload?.stored != nil, piece.start == 0 {
            // The file is stored; this is the beginning of what is to replace it.
            try forget(deleteUpload(job.id, fence: job.fence, path: piece.path))
            upload = nil
        }
        if upload == nil, piece.start == 0 {
            try checkUnnamed(piece.path, bytes: piece.total, of: job)
            let uploads = try countUploads(job.id, fence: job.fence, besides: piece.path)
            guard try countArtifacts(of: job.id, besides: piece.path) + uploads < Self.artifactsPerJob else {
                throw Refusal.tooManyArtifacts
            }
            upload = try insertUpload(job.id, owner: job.owner, fence: job.fence, piece)
        }
        guard let upload, upload.stored == nil, upload.received == piece.start else {
            throw Refusal.uploadStands(at: upload?.received ?? 0)
        }
        guard upload.total == piece.total else {
            throw Refusal.invalid(field: "Content-Range", message: "this upload began with a total of \(upload.total)")
        }
        guard upload.coding == piece.coding else {
            throw Refusal.invalid(field: "Content-Encoding", message: "this upload began as \(upload.coding)")
        }
        return upload
    }
}
