internal import Domain
internal import Egress
internal import Runtime
internal import Sandbox
internal import Wire

/// The way out of a job's sandbox, where the owner's policy allows one (decision 0011).
struct JobNetwork: Sendable {
    let rules: EgressRules

    init(rules: EgressRules) {
        self.rules = rules
    }

    /// - Throws: when a domain is no domain, or when this machine can't lead jobs out.
    init?(_ configuration: WorkerConfiguration, _ layers: [SandboxLayer]) throws(WorkerDaemon.Problem) {
        guard configuration.rules.network == true else { return nil }
        if let layer = layers.first(where: { $0.name == SandboxLayer.networkProxy }), let finding = layer.finding {
            throw WorkerDaemon.Problem(message: "the policy allows network; \(finding)")
        }
        do {
            var rules = try EgressRules(domains: configuration.allowedDomains)
            rules.addresses = AddressRules(allowsPrivate: configuration.allowsPrivateNetwork)
            self.rules = rules
        } catch {
            throw WorkerDaemon.Problem(message: error.message)
        }
    }

    /// Runs `body` with a proxy's socket in the job's folder; nothing of the proxy is left when this returns.
    func open<T>(
        in folder: JobFolder, _ context: JobContext, _ body: (_ socket: String) async throws -> T
    ) async throws -> T {
        let proxy: EgressProxy
        do {
            proxy = try await EgressProxy.start(socketPath: folder.proxySocket, rules: rules) { event in
                context.log(event.logLine + "\n")
            }
        } catch {
            throw MachineFault(error.message)
        }
        do {
            let result = try await body(folder.proxySocket)
            await proxy.stop()
            return result
        } catch {
            await proxy.stop()
            throw error
        }
    }
}
