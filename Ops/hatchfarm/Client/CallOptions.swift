internal import ArgumentParser

/// The options of commands that call the server and print the response.
struct CallOptions: ParsableArguments {
    @OptionGroup(title: "Server") var client: ClientOptions
    @Flag(help: "Print the server's JSON response.") var json = false

    func open() throws(Failure) -> Client { Client(try client.credentials()) }
    func openAsOperator() throws(Failure) -> Client { Client(try client.operatorCredentials()) }
    /// For calls that need no credentials.
    func openAsAnyone() throws(Failure) -> Client { Client(Credentials(server: try client.address(), key: "")) }
}
