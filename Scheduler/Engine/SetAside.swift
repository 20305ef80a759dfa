package import Bytes
package import Logging
internal import Domain
package import Store
internal import Synchronization

/// Rows that a service can't settle: each is left alone for a while, so that it undoes no round of the others.
/// The operator finds it in the log, and in the count of internal errors.
package final class SetAside: Sendable {
    private struct Row: Hashable, Sendable {
        let kind: String
        let id: String
    }

    /// How long one is left alone, in milliseconds.
    static let lasts: Int64 = 60_000
    /// When more can't be settled it isn't the rows: the service then stands still, and says so.
    private static let most = 1_000
    private static let mostPerRound = 10

    private let service: String
    private let world: World
    private let logger: Logger
    private let internalErrors: InternalErrors
    private let ends = Mutex<[Row: Int64]>([:])

    package init(
        _ service: String, world: World = .live, logger: Logger? = nil,
        internalErrors: InternalErrors = InternalErrors()
    ) {
        self.service = service
        self.world = world
        self.logger = logger ?? Logger(label: service)
        self.internalErrors = internalErrors
    }

    /// The ids of a kind that are left alone at this moment.
    package func ids(of kind: String) -> [String] {
        let now = world.monotonic()
        return ends.withLock { ends in
            ends = ends.filter { $0.value > now }
            return ends.keys.filter { $0.kind == kind }.map(\.id).sorted()
        }
    }

    /// Leaves a row alone for a while, and raises the alarm. False when there are too many.
    @discardableResult
    func add(_ id: String, of kind: String, _ error: any Error) -> Bool {
        internalErrors.note(
            error, in: logger,
            ["service": "\(service)", "set_aside": "\(kind) \(id)", "for_seconds": "\(Self.lasts / 1_000)"])
        let end = world.monotonic() + Self.lasts
        return ends.withLock { ends in
            guard ends.count < Self.most else { return false }
            ends[Row(kind: kind, id: id)] = end
            return true
        }
    }

    /// Lets a service take a batch. When one row of it can't be settled, ever smaller batches follow, until that row
    /// stands alone and is set aside; then the rest.
    /// - Returns: the answers of all batches that were settled.
    package func settle<Answer: Sendable>(
        _ kind: String, upTo limit: Int, in database: Database,
        _ serve: @escaping @Sendable (Transaction, Picking) throws -> Answer
    ) async throws -> [Answer] {
        var answers: [Answer] = []
        var size = limit
        var added = 0
        while true {
            let picking = Picking(size, except: ids(of: kind))
            do {
                answers.append(try await database.write { try serve($0, picking) })
                guard size < limit else { return answers }
                size = limit
            } catch let error where Self.mayBeOfOne(error) {
                let ids = picking.ids
                if ids.count > 1 {
                    size = ids.count / 2
                    continue
                }
                guard let id = ids.first, added < Self.mostPerRound, add(id, of: kind, error) else { throw error }
                added += 1
                size = limit
            }
        }
    }

    /// Whether it may come of one row: a refusal too, as nobody asked for anything.
    static func mayBeOfOne(_ error: any Error) -> Bool { error is Refusal || error.mayBeOfOne }
}
