internal import Foundation
internal import Glibc
internal import Store
internal import Synchronization

/// What a server writes to the disk for a job on SQLite, from its submit to its result, and what of it is left in the
/// file. Each measurement has a server and a database of its own: what is written is known in full only when the
/// server has ended and all of the log is in the file, which is done here.
final class WritesTarget: BenchTarget {
    private let url: String
    private let settings: BenchSettings
    private let running = Mutex<(server: ServerUnderTest, database: TemporaryDatabase)?>(nil)

    /// - Parameter url: as for `TemporaryDatabase.make`; SQLite in a file.
    init(_ url: String, _ settings: BenchSettings) throws(Failure) {
        guard url.hasPrefix("sqlite:"), url != "sqlite::memory:" else {
            throw .invalid("bench writes counts what a server writes to a SQLite file: use one")
        }
        self.url = url
        self.settings = settings
    }

    func round(_ scenario: Scenario) async throws -> [Reading] {
        let backlog = settings.backlog(.writes)
        return try await measure("by 100", backlog, size: BenchSettings.batch)
            + measure("one by one", backlog / 4, size: 1)
    }

    /// - Parameter size: the jobs in a submit, and in a report of results.
    private func measure(_ name: String, _ count: Int, size: Int) async throws -> [Reading] {
        let database = try await TemporaryDatabase.make(url)
        let before = ProcessStatus.bytesWrittenByChildren()
        let server: ServerUnderTest
        do {
            server = try await ServerUnderTest.start(database: database.url)
        } catch {
            await database.remove()
            throw error
        }
        running.withLock { $0 = (server, database) }
        let start = await work(on: server, count, size: size)
        server.stop()
        let written = ProcessStatus.bytesWrittenByChildren() - before
        let rest = Result { try Self.settle(database) }
        running.withLock { $0 = nil }
        await database.remove()
        let (last, kept) = try rest.get()
        let perJob = { (bytes: Int) in Double(bytes) / Double(max(1, count)) }
        return [
            Reading(
                name: "written a job, \(name)", unit: .bytes, value: perJob(written + last - (try start.get())),
                base: perJob(kept)),
            Reading(name: "kept a job, \(name)", unit: .bytes, value: perJob(kept)),
        ]
    }

    /// Runs the jobs; returns what the server had written before.
    private func work(on server: ServerUnderTest, _ count: Int, size: Int) async -> Result<Int, any Error> {
        do {
            let credentials = Credentials(server: server.url, key: server.token, owner: ServerUnderTest.owner)
            let load = try await HTTPLoad.prepare(credentials, settings, server)
            let before = try server.bytesWritten()
            try load.preload(count, size: size)
            try load.work(through: count, isSingle: size == 1)
            return .success(before)
        } catch {
            return .failure(error)
        }
    }

    /// Empties the log; returns what that wrote, and the size of what is there then.
    private static func settle(_ database: TemporaryDatabase) throws -> (written: Int, kept: Int) {
        let before = try ProcessStatus.bytesWritten(by: getpid())
        try Database.checkpointSQLiteFile(String(database.url.dropFirst("sqlite:".count)))
        let written = try ProcessStatus.bytesWritten(by: getpid()) - before
        return (written, database.folder.map { size(of: $0) } ?? 0)
    }

    private static func size(of folder: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.reduce(0) { sum, name in
            let file = open("\(folder)/\(name)", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return sum }
            defer { Glibc.close(file) }
            return sum + max(0, Int(lseek(file, 0, SEEK_END)))
        }
    }

    func close() async {}

    func abort() {
        guard let (server, database) = running.withLock({ $0 }) else { return }
        server.stop()
        if let folder = database.folder { try? FileManager.default.removeItem(atPath: folder) }
    }
}
