/// The calls on one connection. Any error ends the measurement.
struct BenchClient: Sendable {
    let connection: RawConnection
    let requests: WorkerRequests

    /// `request` may contain several jobs.
    func submit(_ request: [UInt8]) throws(Failure) {
        let answer = try connection.exchange(request)
        guard answer.status == 201 else { throw .unexpected("a submit got \(answer.status): \(answer.text)") }
    }

    /// `request` is a prebuilt claim.
    func claim(_ request: [UInt8]) throws(Failure) -> [BenchLease] {
        let answer = try connection.exchange(request)
        guard answer.status == 200 else { throw .unexpected("a claim got \(answer.status): \(answer.text)") }
        var scanner = ByteScanner(answer.body)
        var leases: [BenchLease] = []
        while let job = scanner.text(after: #""id":""#), let token = scanner.text(after: #""claim_token":""#) {
            leases.append(BenchLease(job: job, token: token))
        }
        return leases
    }

    func finish(_ leases: [BenchLease]) throws(Failure) {
        let answer = try connection.exchange(requests.results(leases))
        var scanner = ByteScanner(answer.body)
        guard answer.status == 200, scanner.count(#""accepted":false"#) == 0 else {
            throw .unexpected("results got \(answer.status): \(answer.text)")
        }
    }

    func finish(_ lease: BenchLease) throws(Failure) {
        let answer = try connection.exchange(requests.result(lease))
        guard answer.status == 200 else { throw .unexpected("a result got \(answer.status): \(answer.text)") }
    }
}
