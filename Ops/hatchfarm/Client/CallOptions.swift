internal import ArgumentParser

/// What a command takes that makes a call and shows the answer.
struct CallOptions: ParsableArguments {
    @OptionGroup(title: "Server") var client: ClientOptions
    @Flag(help: "The server's own JSON, for programs.") var json = false

    func open() throws(Failure) -> Client { Client(try client.credentials()) }
    func openAsOperator() throws(Failure) -> Client { Client(try client.operatorCredentials()) }
    /// For calls that need no credentials.
    func openAsAnyone() throws(Failure) -> Client { Client(Credentials(server: try client.address(), key: "")) }
}
