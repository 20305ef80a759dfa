internal import API
internal import Bus
internal import Bytes
internal import Glibc
internal import Store

/// Checks whether `hatchfarm serve` would work with these settings. Changes nothing.
struct ServerCheck {
    let settings: Settings

    /// If settings are invalid, returns only their findings.
    static func findings(_ environment: Environment) async -> [Finding] {
        let settings = environment.findings(for: [.server])
        guard settings.allSatisfy({ $0.level == .ok }) else { return settings }
        do {
            return settings + (await ServerCheck(settings: try Settings(environment)).findings())
        } catch {
            return [.fail("settings", error.message, remedy: "see `hatchfarm help environment`")]
        }
    }

    private func findings() async -> [Finding] {
        var findings: [Finding] = [token] + exposure
        findings += await database()
        findings += await redis()
        return findings + [Self.descriptors]
    }

    private var token: Finding {
        guard let token = settings.operatorToken else {
            return .warn(
                "operator token", "HATCHFARM_API_TOKEN is not set: every start generates a new one",
                remedy: "HATCHFARM_API_TOKEN=$(openssl rand -hex 32)")
        }
        guard token.utf8.count >= 24 else {
            return .warn(
                "operator token", "it has only \(token.utf8.count) characters and could be guessed",
                remedy: "HATCHFARM_API_TOKEN=$(openssl rand -hex 32)")
        }
        return .ok("operator token", "set, \(token.utf8.count) characters")
    }

    private var exposure: [Finding] {
        let isLocal = ["127.0.0.1", "::1", "localhost"].contains(settings.host)
        let address = "\(settings.host):\(settings.port)"
        if settings.requireHTTPS, !settings.trustProxyHeaders {
            return [
                .fail(
                    "HTTPS", "REQUIRE_HTTPS without TRUST_PROXY_HEADERS: every request except /health gets 426",
                    remedy: "put a TLS proxy in front, and set TRUST_PROXY_HEADERS=true")
            ]
        }
        if !isLocal, !settings.requireHTTPS {
            return [
                .warn(
                    "HTTPS", "listens on \(address) and accepts API keys in plain text",
                    remedy: "put a TLS proxy in front, and set REQUIRE_HTTPS=true and TRUST_PROXY_HEADERS=true")
            ]
        }
        // An address that nobody has.
        if !isLocal, settings.trustProxyHeaders, settings.trustedProxies.contain("192.0.2.1") {
            return [
                .warn(
                    "HTTPS", "listens on \(address) and trusts X-Forwarded-Proto from any client",
                    remedy: "name the proxy alone in TRUSTED_PROXIES")
            ]
        }
        return [.ok("HTTPS", isLocal ? "listens on \(address), only reachable from this machine" : "required")]
    }

    private func database() async -> [Finding] {
        var findings: [Finding] = []
        let path = settings.database.hasPrefix("sqlite:") ? String(settings.database.dropFirst(7)) : nil
        if let path, path != ":memory:" {
            let file = Files.absolute(path)
            let folder = String(file.dropLast(Files.name(file).count + 1))
            findings += FolderCheck(name: "database", path: folder.isEmpty ? "/" : folder).findings()
            guard Files.exists(path) else {
                let remedy = "check DATABASE_URL; if it is correct, start the server or run `hatchfarm migrate`"
                return findings + [
                    .warn("database", "\(path) does not exist: the first start creates it", remedy: remedy)
                ]
            }
        }
        do {
            let database = try await Database.open(settings.database)
            findings += await steps(database)
            if findings.last?.level == .ok { findings.append(await LedgerCheck(database: database).finding()) }
            if path == nil { findings.append(await databaseClock(database)) }
            await database.close()
        } catch {
            findings.append(
                .fail(
                    "database", "cannot open \(settings.shownDatabase): \(error)",
                    remedy: "check that it is up, DATABASE_URL, and this user's permissions"))
        }
        return findings
    }

    private func steps(_ database: Database) async -> [Finding] {
        let health = await database.health()
        guard health.ok else {
            return [
                .fail(
                    "database", health.problem ?? "no answer",
                    remedy: "check that it is up, and that its disk is writable")
            ]
        }
        let answer = "\(settings.shownDatabase) responded in \(health.latencyMilliseconds) ms"
        do {
            let steps = try await database.steps(Migration.all)
            if !steps.unknown.isEmpty {
                return [
                    .fail(
                        "database", "the schema is newer than this program: \(steps.unknown.joined(separator: ", "))",
                        remedy: "run the newer hatchfarm")
                ]
            }
            guard steps.missing.isEmpty else {
                let missing = steps.missing.joined(separator: ", ")
                return [
                    .warn(
                        "database", "\(answer); missing: \(missing)",
                        remedy: "run `hatchfarm migrate`, or start the server")
                ]
            }
            return [.ok("database", "\(answer), schema is up to date")]
        } catch {
            return [.fail("database", "\(answer), but: \(error)", remedy: "let this user read its tables")]
        }
    }

    private func databaseClock(_ database: Database) async -> Finding {
        let before = World.live.now()
        guard let theirs = try? await database.write({ $0.now }) else {
            return .warn("database clock", "could not be read", remedy: "check whether the database is busy, and retry")
        }
        return .clock("database clock", skew: theirs - (before + World.live.now()) / 2, of: "the database")
    }

    private func redis() async -> [Finding] {
        guard let address = settings.redis else {
            return [.ok("Redis", "not used: nonces are stored in the database")]
        }
        let redis = await Redis.open(address)
        defer { redis.close() }
        let health = await redis.health()
        guard health.isHealthy else {
            return [
                .fail(
                    "Redis", "no answer: \(health.error ?? "")",
                    remedy: "check that it is up, REDIS_ADDR and REDIS_PASSWORD; until then heartbeats get 503")
            ]
        }
        guard let mayEvict = try? await redis.mayEvict() else {
            return [.warn("Redis", "cannot read its maxmemory-policy", remedy: "allow this user INFO")]
        }
        return mayEvict
            ? [
                .fail(
                    "Redis", "its maxmemory-policy may evict nonces",
                    remedy: "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf")
            ] : [.ok("Redis", "responded in \(health.pingMicroseconds) µs, no eviction")]
    }

    static var descriptors: Finding {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let count = Int(clamping: limit.rlim_cur)
        let text = "\(Text.grouped(count)) file descriptors"
        guard count < 8_192 else { return .ok("descriptors", text) }
        return .warn(
            "descriptors", "\(text) may be too few for 4,096 connections and the database",
            remedy: "ulimit -n 65536, or LimitNOFILE=65536 in the unit")
    }
}
