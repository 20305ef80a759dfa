internal import Domain
internal import Egress
internal import Runtime
internal import Sandbox
internal import Wire

/// Network access for sandboxed jobs, where the owner's policy allows it (decision 0011).
struct JobNetwork: Sendable {
    let rules: EgressRules

    init(rules: EgressRules) {
        self.rules = rules
    }

    /// - Throws: when a domain is invalid, or when this machine can't proxy its jobs' connections.
    init?(_ configuration: WorkerConfiguration, _ layers: [SandboxLayer]) throws(WorkerDaemon.Problem) {
        guard configuration.rules.network == true else { return nil }
        if let layer = layers.first(where: { $0.name == SandboxLayer.networkProxy }), let finding = layer.finding {
            throw WorkerDaemon.Problem(message: "the policy allows network access, but \(finding)")
        }
        do {
            var rules = try EgressRules(domains: configuration.allowedDomains)
            rules.addresses = AddressRules(allowsPrivate: configuration.allowsPrivateNetwork)
            self.rules = rules
        } catch {
            throw WorkerDaemon.Problem(message: error.message)
        }
    }

    /// Runs `body` with a proxy socket in the job's folder; the proxy has stopped when this returns.
    func open<T>(
        in folder: JobFolder, _ context: JobContext, _ body: (_ socket: String) async throws -> T
    ) async throws -> T {
        try await openMetered(in: folder, context, body).result
    }

    /// As `open`; also returns what was used of the network.
    func openMetered<T>(
        in folder: JobFolder, _ context: JobContext, _ body: (_ socket: String) async throws -> T
    ) async throws -> (result: T, usage: EgressUsage) {
        let proxy: EgressProxy
        do {
            proxy = try await EgressProxy.start(socketPath: folder.proxySocket, rules: rules) { event in
                context.log("\(event.logLine)\n")
            }
        } catch {
            throw MachineFault(error.message)
        }
        do {
            let result = try await body(folder.proxySocket)
            await proxy.stop()
            return (result, proxy.usage)
        } catch {
            await proxy.stop()
            throw error
        }
    }
}
