internal import Domain
package import Store
internal import Synchronization

/// What one claim reads of the classes, from its hints to its end: each claim ends or fails its reads, so that the
/// class index knows what it can't have seen.
package final class ClassReads: Sendable {
    private let classIndex: ClassIndex
    private let underWay = Mutex<[ClassID: LowWaterMark.Read]>([:])

    package init(_ classIndex: ClassIndex) { self.classIndex = classIndex }

    package var hints: ClaimHints {
        ClaimHints(classes: { self.begin(for: $0) }, service: { self.classIndex.service(of: $0) })
    }

    /// The claim's transaction looks for classes: for the first time, or once more because it failed and runs again.
    private func begin(for offer: Offer) -> [JobClass.Head] {
        fail()
        let (heads, reads) = classIndex.begin(for: offer)
        underWay.withLock { $0 = reads }
        return heads
    }

    /// The claim was committed.
    package func end(_ answer: ClaimAnswer) { classIndex.end(taken(), answer) }

    /// The claim failed, or nobody knows how it ended.
    package func fail() { classIndex.fail(taken()) }

    private func taken() -> [ClassID: LowWaterMark.Read] {
        underWay.withLock { underWay in
            defer { underWay = [:] }
            return underWay
        }
    }
}
