import Bytes
import Domain
import Support

/// What each of the thirty-two does.
extension MoneyCrowd {
    /// Submits jobs at a price, some dearer than the balance; cancels some, retries some, takes some money out.
    func buy(_ owner: String, _ number: Int) async {
        var chance = chance(number)
        var count = 0
        while isMixed {
            count += 1
            let name = "\(number)-\(count)"
            switch chance.next(upTo: 99) {
            case 0..<60: await submit(name, by: owner, &chance)
            case 60..<78:
                guard let job = someJob(of: owner, &chance) else { break }
                await ask(.cancel, job) { [self] in
                    try await client(of: owner).delete("/api/v1/jobs/\(job)")
                } answer: {
                    $0.json["id"]?.string ?? ""
                }
            case 78..<88:
                guard let job = someJob(of: owner, &chance) else { break }
                await ask(.retry, job) { [self] in
                    try await client(of: owner).post("/api/v1/jobs/\(job)/retry", [:])
                } answer: {
                    $0.json["id"]?.string ?? ""
                }
            default: await withdraw(name, by: owner, &chance)
            }
            await pause(chance.next(upTo: 40))
        }
    }

    private func submit(_ name: String, by owner: String, _ chance: inout Chance) async {
        // One minute at the machines' price is 0.6; one in ten offers more than anybody has.
        let price = chance.next(upTo: 9) == 0 ? Int64(900_000_000_000) : 600_000 + Int64(chance.next(upTo: 2_400_000))
        let body: JSON = [
            "title": .string(name), "command": ["true"], "duration_minutes": 1, "max_attempts": 2,
            "max_price_usdt": .string(Money.decimal(price)), "backoff": ["initial_ms": 20, "factor": 1, "max_ms": 20],
        ]
        let ending = await ask(.submit, name, amount: price) { [self] in
            try await client(of: owner).post("/api/v1/jobs", body, [("Idempotency-Key", name)])
        } answer: {
            $0.json["id"]?.string ?? ""
        }
        if case .done(let job) = ending { know(job: job, of: owner) }
    }

    private func withdraw(_ name: String, by owner: String, _ chance: inout Chance) async {
        let amount = 1 + Int64(chance.next(upTo: 3_000_000))
        let body: JSON = [
            "amount": .string(Money.decimal(amount)), "asset": "USDT", "address": .string("address-\(name)"),
        ]
        let ending = await ask(.withdraw, "address-\(name)", amount: amount) { [self] in
            try await client(of: owner).post("/api/v1/wallet/withdraw", body, [("Idempotency-Key", name)])
        } answer: { reply in
            (reply.data["withdrawal"] ?? reply.data)["id"]?.string ?? ""
        }
        if case .done(let id) = ending { know(withdrawal: id) }
    }

    /// A provider that takes out what it earned, and more than that.
    func cashOut(_ number: Int) async {
        var chance = chance(50 + number)
        var count = 0
        while isMixed {
            count += 1
            let provider = Self.providers[1 + chance.next(upTo: Self.providers.count - 2)]
            await withdraw("cash-\(number)-\(count)", by: provider, &chance)
            await pause(chance.next(upTo: 120))
        }
    }

    /// The operator: deposits, some of them twice, and decides on withdrawals, also on those that are decided.
    func keepTill(_ number: Int) async {
        var chance = chance(60 + number)
        var count = 0
        while isMixed {
            count += 1
            if chance.next(upTo: 1) == 0 {
                await deposit("deposit-\(number)-\(count)", &chance)
            } else if let id = someWithdrawal(&chance) {
                await decide(id, "\(number)-\(count)", &chance)
            }
            await pause(chance.next(upTo: 60))
        }
    }

    private func deposit(_ name: String, _ chance: inout Chance) async {
        let amount = 500_000 + Int64(chance.next(upTo: 5_000_000))
        let owner = Self.owners[chance.next(upTo: Self.owners.count - 1)]
        let body: JSON = [
            "owner_id": .string(owner), "asset": "USDT", "amount": .string(Money.decimal(amount)),
            "reference": .string(name),
        ]
        for _ in 0...(chance.next(upTo: 3) == 0 ? 1 : 0) {
            await ask(.deposit, name, amount: amount) { [self] in
                try await client(of: owner).post("/api/v1/wallet/deposits", body, [("Idempotency-Key", name)])
            } answer: { _ in
                name
            }
        }
    }

    private func decide(_ id: String, _ name: String, _ chance: inout Chance) async {
        let path = "/api/v1/wallet/withdrawals/\(id)"
        let till = client(of: Self.owners[0])
        guard chance.next(upTo: 2) > 0 else {
            await ask(.reject, id) {
                try await till.post("\(path)/reject", ["reason": "no"], [("Idempotency-Key", name)])
            } answer: { _ in
                id
            }
            return
        }
        _ = try? await till.post("\(path)/approve", [:], [("Idempotency-Key", name)])
        await ask(.pay, id) {
            try await till.post("\(path)/paid", ["txid": .string("tx-\(id)")], [("Idempotency-Key", name)])
        } answer: { _ in
            id
        }
    }

    /// A machine: results of all sorts, some of them twice at once, some too late; releases; and leases it forgets.
    func work(_ machine: FarmMachine, _ number: Int) async {
        var chance = chance(70 + number)
        while !isOver {
            let request = Hex.encode(World.live.random(8))
            let limit = 1 + chance.next(upTo: 3)
            guard
                let reply = try? await machine.claim(
                    limit, lease: Self.lease, wait: 200, request: request, kinds: ["compute"]),
                reply.status == 200, let grants = try? FarmMachine.grants(reply)
            else {
                await pause(30)
                continue
            }
            for grant in grants { await work(on: grant, machine, &chance) }
        }
    }

    private func work(on grant: FarmMachine.Grant, _ machine: FarmMachine, _ chance: inout Chance) async {
        let die = isMixed ? chance.next(upTo: 99) : 50
        if die < 6 { return }
        if die < 14 {
            _ = try? await machine.release(grant)
            return
        }
        if die < 20 { _ = try? await machine.extend(grant, by: Self.lease) }
        await pause(die < 24 ? Self.lease + 300 : chance.next(upTo: 25))
        let status = die < 60 ? "success" : die < 85 ? "failure" : "timeout"
        async let first: Void = finish(grant, machine, status)
        if die >= 90 { await finish(grant, machine, status) }
        await first
    }

    private func finish(_ grant: FarmMachine.Grant, _ machine: FarmMachine, _ status: String) async {
        await ask(.result, "\(grant.job)/\(grant.fence)") {
            try await machine.finish(grant, status)
        } answer: { _ in
            grant.job
        }
    }
}
